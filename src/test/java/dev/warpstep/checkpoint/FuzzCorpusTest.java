package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Replays what {@link CheckpointFuzz} found, without the fuzzer. */
class FuzzCorpusTest {
  private static final Path CORPUS = Path.of("src", "test", "resources", "fuzz", "checkpoint");

  @Test
  void everyFileLoadsOrIsRefusedWithinItsMemory() throws IOException {
    List<Path> files;
    try (Stream<Path> entries = Files.list(CORPUS)) {
      files = entries.sorted().toList();
    }
    assertTrue(files.size() > 50, () -> "corpus of " + files.size());
    for (Path file : files) {
      try {
        CheckpointFuzz.fuzzerTestOneInput(Files.readAllBytes(file));
      } catch (IOException | RuntimeException | AssertionError e) {
        throw new AssertionError(file.toString(), e);
      }
    }
  }
}
