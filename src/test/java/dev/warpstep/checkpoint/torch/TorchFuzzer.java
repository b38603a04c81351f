package dev.warpstep.checkpoint.torch;

import dev.warpstep.StateDict;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What Jazzer calls, and {@link TorchFuzzCorpusTest} with the inputs that it found. The first byte
 * of an input says what the rest is: a whole file, or the pickle of one that is sound otherwise,
 * which a checksum would hide from random changes; and how it is read.
 */
public final class TorchFuzzer {
  private static final List<List<String>> NAMES =
      List.of(List.of("a"), List.of("b", "c"), List.of());

  private static final Path FOLDER = folder();

  private TorchFuzzer() {}

  private static Path folder() {
    try {
      return Files.createTempDirectory("warpstep-fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads an input; whatever is read can be written and read again. */
  public static void fuzzerTestOneInput(byte[] input) throws IOException {
    if (input.length > 0) {
      Path file = FOLDER.resolve("input.pt");
      byte[] content = Arrays.copyOfRange(input, 1, input.length);
      if ((input[0] & 1) == 0) {
        Files.write(file, content);
      } else {
        Pickles.write(file, content, 4, 16, 24, 0, 8);
      }
      read(file, input[0] >> 1 & 3);
    }
  }

  private static void read(Path file, int how) throws IOException {
    TorchReader reader = TorchReader.of(file);
    switch (how) {
      case 0 -> {}
      case 1 -> reader.names(NAMES.subList(0, 2));
      case 2 -> reader.names(NAMES.subList(0, 1)).optimizer(TorchOptimizer.ADAM).byPosition(true);
      default -> reader.key("optimizer");
    }
    TorchState state;
    try {
      state = reader.read();
    } catch (CheckpointException e) {
      return;
    }
    Path copy = FOLDER.resolve("copy.pt");
    TorchWriter.save(copy, state.stateDict());
    StateDict again = TorchReader.of(copy).read().stateDict();
    if (!again.paramGroups().equals(state.stateDict().paramGroups())
        || !again.state().keySet().equals(state.stateDict().state().keySet())) {
      throw new IllegalStateException(state + " became " + again);
    }
  }
}
