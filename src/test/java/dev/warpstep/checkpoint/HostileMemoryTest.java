package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What reading a hostile file allocates, garbage included: at most 4 times the file and 16 MB. Each
 * file is one thing repeated, whichever is smallest on disk for what it is in memory.
 */
class HostileMemoryTest {
  private static final int BYTES = 6_000_000;

  @TempDir private Path folder;

  static Stream<Arguments> files() {
    return Stream.of(
        Arguments.of("metadata", repeated("\"%x\":\"\"", "")),
        Arguments.of("user texts", repeated("\"%x\":\"" + "x".repeat(2_000_000) + "\"", "")),
        Arguments.of("wide texts", repeated("\"%x\":\"" + "ж".repeat(1_000_000) + "\"", "")),
        Arguments.of("a long text", Forgery.file("\"a\":\"" + "x".repeat(BYTES) + "\"", "")),
        Arguments.of("a long name", Forgery.file("\"" + "x".repeat(BYTES) + "\":\"\"", "")),
        Arguments.of("a long tensor", Forgery.file("", "\"" + "x".repeat(BYTES) + "\":{}")),
        Arguments.of("a long number", Forgery.file("\"a\":" + "1".repeat(BYTES), "")),
        Arguments.of("long names", repeated("\"%x" + "x".repeat(99_000) + "\":\"\"", "")),
        Arguments.of("groups", repeated("\"warpstep.group.%d\":\"{}\"", "")),
        Arguments.of(
            "parameters",
            Forgery.file(
                "\"warpstep.group.0\":\"{}\"," + join("\"warpstep.parameter.%1$x\":\"0 %1$d 1\""),
                "")),
        Arguments.of("schedulers", repeated("\"warpstep.scheduler.%x\":\"{}\"", "")),
        Arguments.of(
            "numbers",
            repeated(
                "\"warpstep.scheduler.%x\":\"{\\\"a\\\":[" + "1,".repeat(999_000) + "1]}\"", "")),
        Arguments.of(
            "objects",
            repeated(
                "\"warpstep.scheduler.%x\":\"{\\\"a\\\":[" + "{},".repeat(600_000) + "{}]}\"", "")),
        Arguments.of("dimensions", Forgery.file("", tensors("1" + ",1".repeat(62)))),
        Arguments.of("tensors", Forgery.file("", tensors("0"))),
        Arguments.of("a whole checkpoint", whole()));
  }

  private static byte[] repeated(String metadata, String tensors) {
    return Forgery.file(join(metadata), tensors);
  }

  /** Loads to the end: of tensors without bytes the checksum is 0. */
  private static byte[] whole() {
    String metadata = join("\"warpstep.crc32c.parameter.%x\":\"00000000\"");
    StringBuilder tensors = new StringBuilder();
    for (int i = 0; i < metadata.split(",").length; i++) {
      tensors.append(i == 0 ? "" : ",");
      tensors.append(
          "\"parameter.%x\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0,0]}".formatted(i));
    }
    return Forgery.file("\"warpstep.step\":\"1\"," + metadata, tensors.toString());
  }

  private static String join(String field) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; text.length() < BYTES; i++) {
      text.append(i == 0 ? "" : ",").append(field.formatted(i));
    }
    return text.toString();
  }

  private static String tensors(String shape) {
    return join("\"%x\":{\"dtype\":\"F16\",\"shape\":[" + shape + ",0],\"data_offsets\":[0,0]}");
  }

  @ParameterizedTest
  @MethodSource("files")
  void isBounded(String what, byte[] bytes) throws IOException {
    Path file = Files.write(folder.resolve("file"), bytes);
    long allocated = allocated(file);
    System.out.printf(
        "measured: %s: %.2f times the file of %,d bytes%n",
        what, (double) allocated / bytes.length, bytes.length);
    assertTrue(allocated <= 4L * bytes.length + 16_000_000, what + ": " + allocated);
  }

  /** On the heap. Tensors are outside, and not larger than the file, as its reader checks first. */
  static long allocated(Path file) throws IOException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try (Arena arena = Arena.ofConfined()) {
      CheckpointFile.load(file, arena);
    } catch (CheckpointException e) {
      // What it is refused for is others' business.
    }
    return threads.getCurrentThreadAllocatedBytes() - before;
  }
}
