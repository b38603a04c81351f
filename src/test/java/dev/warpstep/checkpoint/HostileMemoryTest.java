package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What reading a hostile file allocates, garbage included: at most 4 times the file and 16 MB. Each
 * file is one thing repeated, whichever is smallest on disk for what it is in memory.
 */
class HostileMemoryTest {
  private static final int BYTES = 5_000_000;

  @TempDir private Path folder;

  /** Most of a header is this, again and again; a # becomes its number, and a % the next. */
  private enum Hostile {
    METADATA("\"#\":\"\"", ""),
    USER_TEXTS("\"#\":\"" + "x".repeat(1_900_000) + "\"", ""),
    WIDE_TEXTS("\"#\":\"" + "ж".repeat(900_000) + "\"", ""),
    LONG_TEXT("\"#\":\"" + "x".repeat(BYTES) + "\"", ""),
    LONG_NAME("\"#" + "x".repeat(BYTES) + "\":\"\"", ""),
    LONG_NAMES("\"#" + "x".repeat(90_000) + "\":\"\"", ""),
    LONG_NUMBER("\"#\":" + "1".repeat(BYTES), ""),
    LONG_TENSOR("", "\"#" + "x".repeat(BYTES) + "\":{}"),
    GROUPS("\"warpstep.group.%\":\"{}\"", ""),
    PARAMETERS("\"warpstep.parameter.#\":\"0 # 1\"", ""),
    SCHEDULERS("\"warpstep.scheduler.#\":\"{}\"", ""),
    NUMBERS("\"warpstep.scheduler.#\":\"{\\\"a\\\":[" + "1,".repeat(900_000) + "1]}\"", ""),
    OBJECTS("\"warpstep.scheduler.#\":\"{\\\"a\\\":[" + "{},".repeat(600_000) + "{}]}\"", ""),
    DIMENSIONS("", tensor("1" + ",1".repeat(62) + ",0")),
    TENSORS("", tensor("0")),
    /** Loads to the end: of tensors without bytes the checksum is 0. */
    CHECKPOINT("\"warpstep.crc32c.parameter.#\":\"00000000\"", tensor("0"));

    private final String metadata;
    private final String tensors;

    Hostile(String metadata, String tensors) {
      this.metadata = metadata;
      this.tensors = tensors;
    }

    private static String tensor(String shape) {
      return "\"parameter.#\":{\"dtype\":\"F16\",\"shape\":[" + shape + "],\"data_offsets\":[0,0]}";
    }

    byte[] file() {
      int count = Math.ceilDiv(BYTES, metadata.length() + tensors.length());
      return Forgery.file(
          "\"warpstep.step\":\"1\",\"warpstep.group.0\":\"{}\"" + repeated(metadata, count),
          repeated(tensors, count).replaceFirst("^,", ""));
    }

    private static String numbered(String field, int number) {
      return field
          .replace("#", Integer.toString(number))
          .replace("%", Integer.toString(number + 1));
    }

    private static String repeated(String field, int count) {
      StringBuilder text = new StringBuilder(BYTES * 2);
      for (int i = 0; i < count && !field.isEmpty(); i++) {
        text.append(',').append(numbered(field, i));
      }
      return text.toString();
    }
  }

  @ParameterizedTest
  @EnumSource
  void isBounded(Hostile what) throws IOException {
    byte[] bytes = what.file();
    Path file = Files.write(folder.resolve("file"), bytes);
    long allocated = allocated(file);
    System.out.printf(
        "measured: %s: %.2f times the file of %,d bytes%n",
        what, (double) allocated / bytes.length, bytes.length);
    assertTrue(allocated <= 4L * bytes.length + 16_000_000, () -> what + ": " + allocated);
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
