package dev.warpstep.checkpoint;

import dev.warpstep.DType;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;

/** Between memory in the machine's byte order and files, which are little-endian. */
final class Bytes {
  private Bytes() {}

  /** A length as a file begins with. */
  static ByteBuffer littleEndian(long length) {
    return ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(length).flip();
  }

  /** Writes everything that remains. */
  static void write(WritableByteChannel channel, ByteBuffer source) throws IOException {
    while (source.hasRemaining()) {
      if (channel.write(source) == 0) {
        throw new IOException("no byte was taken of " + source.remaining());
      }
    }
  }

  /** Fills a buffer from a position of a file, and leaves it ready to be read. */
  static void read(FileChannel channel, ByteBuffer target, long position) throws IOException {
    for (long at = position; target.hasRemaining(); ) {
      int count = channel.read(target, at);
      if (count < 0) {
        throw new EOFException("ended at byte " + at);
      }
      at += count;
    }
    target.flip();
  }

  /** Copies elements from memory as a file has them. */
  static void toFile(
      DType dtype, MemorySegment source, long offset, MemorySegment target, long sizeBytes) {
    ValueLayout layout = layout(dtype);
    ValueLayout inFile = layout.withOrder(ByteOrder.LITTLE_ENDIAN);
    MemorySegment.copy(source, layout, offset, target, inFile, 0, sizeBytes / dtype.sizeBytes());
  }

  /** Turns elements as a file has them into the machine's, in place. */
  static void toMachine(DType dtype, MemorySegment values) {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      ValueLayout layout = layout(dtype);
      ValueLayout inFile = layout.withOrder(ByteOrder.LITTLE_ENDIAN);
      long count = values.byteSize() / dtype.sizeBytes();
      MemorySegment.copy(values, inFile, 0, values, layout, 0, count);
    }
  }

  private static ValueLayout layout(DType dtype) {
    return switch (dtype) {
      case FLOAT16, BFLOAT16 -> ValueLayout.JAVA_SHORT_UNALIGNED;
      case FLOAT32 -> ValueLayout.JAVA_INT_UNALIGNED;
      case FLOAT64 -> ValueLayout.JAVA_LONG_UNALIGNED;
    };
  }
}
