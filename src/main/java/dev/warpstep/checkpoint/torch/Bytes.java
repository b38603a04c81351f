package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Reads numbers and strings from a part of the file, through a window, and never past its end. */
final class Bytes {
  private static final int WINDOW = 16 << 10;

  private final Source source;
  private final String entry;
  private final long end;
  private final ByteBuffer window;
  private long windowEnd;

  /**
   * @param entry the part's name, for messages
   * @param start first byte
   * @param end past the last byte
   */
  Bytes(Source source, String entry, long start, long end) {
    this.source = source;
    this.entry = entry;
    this.end = end;
    this.window =
        ByteBuffer.allocate((int) Math.min(WINDOW, Math.max(16, end - start)))
            .order(ByteOrder.LITTLE_ENDIAN)
            .limit(0);
    this.windowEnd = start;
  }

  long position() {
    return windowEnd - window.remaining();
  }

  long remaining() {
    return end - position();
  }

  /**
   * Goes on at another byte of the part.
   *
   * @throws CheckpointException if it is past the end
   */
  void seek(long position) throws CheckpointException {
    if (position < 0 || position > end) {
      throw source.refuse(entry, "byte %d is outside of the file", position);
    }
    long windowStart = windowEnd - window.limit();
    if (position >= windowStart && position <= windowEnd) {
      window.position((int) (position - windowStart));
    } else {
      window.limit(0);
      windowEnd = position;
    }
  }

  int u8() throws IOException {
    return need(1).get() & 0xFF;
  }

  int u16() throws IOException {
    return need(2).getShort() & 0xFFFF;
  }

  int i32() throws IOException {
    return need(4).getInt();
  }

  long u32() throws IOException {
    return i32() & 0xFFFF_FFFFL;
  }

  long i64() throws IOException {
    return need(8).getLong();
  }

  /** A double in big-endian order, as pickles have them. */
  double f64() throws IOException {
    return Double.longBitsToDouble(Long.reverseBytes(i64()));
  }

  /**
   * The next bytes.
   *
   * @throws CheckpointException if there are not so many; nothing is allocated then
   */
  byte[] bytes(long count) throws IOException {
    if (count < 0 || count > remaining() || count > Integer.MAX_VALUE - 8) {
      throw source.refuse(entry, "needs %d bytes where %d are left", count, remaining());
    }
    byte[] bytes = new byte[(int) count];
    int buffered = Math.min(bytes.length, window.remaining());
    window.get(bytes, 0, buffered);
    if (buffered < bytes.length) {
      source.read(ByteBuffer.wrap(bytes, buffered, bytes.length - buffered), windowEnd);
      windowEnd += bytes.length - buffered;
      window.limit(0);
    }
    return bytes;
  }

  /**
   * The next bytes as UTF-8.
   *
   * @throws CheckpointException if they are not, or there are not so many
   */
  String text(long count) throws IOException {
    return decode(bytes(count));
  }

  String decode(byte[] utf8) throws CheckpointException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
    } catch (CharacterCodingException e) {
      CheckpointException refusal = source.refuse(entry, "has text that is not UTF-8");
      refusal.initCause(e);
      throw refusal;
    }
  }

  private ByteBuffer need(int count) throws IOException {
    if (window.remaining() < count) {
      if (remaining() < count) {
        throw source.refuse(entry, "ends too early, at byte %d", end);
      }
      window.compact();
      window.limit((int) Math.min(window.capacity(), window.position() + end - windowEnd));
      long fresh = window.remaining();
      source.read(window, windowEnd);
      windowEnd += fresh;
      window.flip();
    }
    return window;
  }
}
