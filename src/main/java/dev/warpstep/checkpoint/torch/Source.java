package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The file that is read.
 *
 * @param file for messages
 * @param channel open for reading
 * @param size in bytes, when it was opened
 */
record Source(Path file, FileChannel channel, long size) {
  /** The most that is asked of the channel at once. */
  private static final long PIECE = 64L << 20;

  /** An exception about the whole file. */
  CheckpointException refuse(String reason) {
    return new CheckpointException(file, reason);
  }

  /** An exception about one entry. */
  @SuppressWarnings("AnnotateFormatMethod") // Error Prone's annotation would be a dependency
  CheckpointException refuse(String entry, String reason, Object... values) {
    return new CheckpointException(file, entry, reason.formatted(values));
  }

  /**
   * Fills a buffer from its position to its limit.
   *
   * @throws IOException if the file became shorter, or cannot be read
   */
  void read(ByteBuffer buffer, long position) throws IOException {
    long from = position;
    while (buffer.hasRemaining()) {
      int count = channel.read(buffer, from);
      if (count < 0) {
        throw refuse(String.format(Locale.ROOT, "ends at byte %d, had %d before", from, size));
      }
      from += count;
    }
  }

  /**
   * Fills native memory, without a copy between.
   *
   * @throws IOException if the file became shorter, or cannot be read
   */
  void read(MemorySegment memory, long position) throws IOException {
    for (long done = 0; done < memory.byteSize(); done += PIECE) {
      long length = Math.min(PIECE, memory.byteSize() - done);
      read(memory.asSlice(done, length).asByteBuffer(), position + done);
    }
  }
}
