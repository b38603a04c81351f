package dev.warpstep.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One hostile file, for the fuzzer Jazzer 0.30, which is no dependency. With its two jars, {@code
 * target/classes}, {@code target/test-classes}, jackson-core and JUnit, which the comparison needs,
 * on the class path:
 *
 * <pre>{@code
 * java -Xmx256m -cp ... com.code_intelligence.jazzer.Jazzer
 *     --target_class=dev.warpstep.checkpoint.CheckpointFuzz
 *     --instrumentation_includes=dev.warpstep.checkpoint.**:com.fasterxml.jackson.core.**
 *     --keep_going=10 NEW_CORPUS src/test/resources/fuzz/checkpoint -max_len=20000 -max_total_time=600
 * }</pre>
 *
 * <p>{@code -merge=1 src/test/resources/fuzz/checkpoint NEW_CORPUS} adds what it found to the
 * corpus, which {@link FuzzCorpusTest} replays.
 */
public final class CheckpointFuzz {
  private static final Path FILE;

  static {
    try {
      FILE = Files.createTempFile("warpstep-fuzz", null);
      FILE.toFile().deleteOnExit();
      // Loads the classes, which the fuzzer instruments then: that takes memory, too.
      CheckpointFile.save(FILE, Samples.everything(1, 1));
      CheckpointFile.load(FILE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private CheckpointFuzz() {}

  /**
   * Loads it, with the header's checksum corrected, without which nothing else would be reached. It
   * loads or is refused with the one exception; what loads can be saved, and loads as it was.
   */
  public static void fuzzerTestOneInput(byte[] bytes) throws IOException {
    Files.write(FILE, Forgery.sealed(bytes));
    long allocated = HostileMemoryTest.allocated(FILE);
    if (allocated > 4L * bytes.length + 16_000_000) {
      throw new AssertionError("%d bytes for %d".formatted(allocated, bytes.length));
    }
    Checkpoint checkpoint;
    try {
      checkpoint = CheckpointFile.load(FILE);
    } catch (CheckpointException e) {
      return;
    }
    CheckpointFile.save(FILE, checkpoint);
    Samples.assertSame(checkpoint, CheckpointFile.load(FILE));
  }
}
