package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Inputs that fuzzing found to reach different code; see CONTRIBUTING.md. */
class TorchFuzzCorpusTest {
  @Test
  void everyInputIsReadOrRefused() throws Exception {
    Path corpus =
        Path.of(Objects.requireNonNull(getClass().getResource("/fuzz/torch/README")).toURI())
            .getParent();
    List<Path> inputs = inputs(corpus);
    assertTrue(inputs.size() > 50, inputs::toString);
    for (Path input : inputs) {
      try {
        TorchFuzzer.fuzzerTestOneInput(Files.readAllBytes(input));
      } catch (IOException | RuntimeException | Error e) {
        throw new AssertionError(input.toString(), e);
      }
    }
  }

  private static List<Path> inputs(Path corpus) throws IOException {
    try (Stream<Path> files = Files.list(corpus)) {
      return files.filter(file -> !file.endsWith("README")).sorted().toList();
    }
  }
}
