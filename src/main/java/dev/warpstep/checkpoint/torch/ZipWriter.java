package dev.warpstep.checkpoint.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/**
 * Writes a zip file with the layout of PyTorch's writer, byte for byte: PyTorch can compute where
 * data begin without reading headers. Entries are stored, in one pass; sizes and CRC-32 follow the
 * data, which begin at multiples of 64. Numbers are 64 bits wide where 32 do not suffice.
 */
final class ZipWriter {
  /** Also what is copied at a time from memory that the channel cannot write itself. */
  private static final int PIECE = 1 << 20;

  private static final long WIDE = ZipLayout.IN_EXTRA;

  /** How often a channel may take nothing, one time after another. */
  private static final int MOST_VAIN = 100;

  private final WritableByteChannel out;
  private final String folder;
  private final List<ZipRecord> headers = new ArrayList<>();
  private final CRC32 crc = new CRC32();
  private long position;

  /**
   * @param folder that all entries are in
   */
  ZipWriter(WritableByteChannel out, String folder) {
    this.out = out;
    this.folder = folder;
  }

  /** Writes an entry. */
  void entry(String name, byte[] data) throws IOException {
    entry(name, MemorySegment.ofArray(data));
  }

  /** Writes an entry. */
  void entry(String name, MemorySegment data) throws IOException {
    begin(folder + "/" + name, data.byteSize());
    for (long done = 0; done < data.byteSize(); done += PIECE) {
      long length = Math.min(PIECE, data.byteSize() - done);
      writeData(buffer(data.asSlice(done, length)));
    }
    end();
  }

  private static ByteBuffer buffer(MemorySegment piece) {
    if (piece.isNative()) {
      return piece.asByteBuffer();
    }
    // Of arrays only those of bytes can be seen as a buffer.
    return ByteBuffer.wrap(piece.toArray(ValueLayout.JAVA_BYTE));
  }

  /** Writes an entry of zeros. */
  void zeros(String name, long size) throws IOException {
    begin(folder + "/" + name, size);
    ByteBuffer zeros = ByteBuffer.allocate((int) Math.min(PIECE, size));
    for (long done = 0; done < size; done += PIECE) {
      writeData(zeros.clear().limit((int) Math.min(PIECE, size - done)));
    }
    end();
  }

  private void begin(String name, long size) throws IOException {
    byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
    int wide = wideBytes(size, position);
    long unpadded = position + ZipLayout.LOCAL_HEADER_BYTES + utf8.length + wide + 4;
    int padding = (int) Math.floorMod(-unpadded, (long) ZipLayout.ALIGNMENT);
    headers.add(new ZipRecord(name, position, size, 0));
    ByteBuffer header =
        buffer(ZipLayout.LOCAL_HEADER_BYTES + utf8.length + wide + 4 + padding)
            .putInt(ZipLayout.LOCAL_HEADER)
            .putShort((short) 0)
            .putShort((short) (ZipLayout.FLAG_DESCRIPTOR | ZipLayout.FLAG_UTF8))
            .putShort((short) 0) // stored
            .putInt(0) // no time
            .putInt(0)
            .putInt(0)
            .putInt(0)
            .putShort((short) utf8.length)
            .putShort((short) (wide + 4 + padding))
            .put(utf8);
    putWide(header, size, position);
    header.putShort((short) ZipLayout.EXTRA_PADDING).putShort((short) padding);
    while (header.hasRemaining()) {
      header.put((byte) 'Z');
    }
    write(header.flip());
    crc.reset();
  }

  private void writeData(ByteBuffer data) throws IOException {
    crc.update(data.duplicate());
    write(data);
  }

  private void end() throws IOException {
    ZipRecord begun = headers.removeLast();
    ZipRecord record =
        new ZipRecord(begun.name(), begun.offset(), begun.size(), (int) crc.getValue());
    headers.add(record);
    ByteBuffer descriptor = buffer(24).putInt(ZipLayout.DESCRIPTOR).putInt(record.crc());
    if (wideBytes(record.size(), record.offset()) > 0) {
      descriptor.putLong(record.size()).putLong(record.size());
    } else {
      descriptor.putInt((int) record.size()).putInt((int) record.size());
    }
    write(descriptor.flip());
  }

  /** Writes the directory, after which the file is complete. */
  void finish() throws IOException {
    long start = position;
    for (ZipRecord record : headers) {
      writeCentralHeader(record);
    }
    long end = position;
    write(
        buffer(ZipLayout.END64_BYTES)
            .putInt(ZipLayout.END64)
            .putLong(ZipLayout.END64_BYTES - 12)
            .putShort((short) 0x31E)
            .putShort((short) 45)
            .putInt(0)
            .putInt(0)
            .putLong(headers.size())
            .putLong(headers.size())
            .putLong(end - start)
            .putLong(start)
            .flip());
    write(
        buffer(ZipLayout.END64_LOCATOR_BYTES)
            .putInt(ZipLayout.END64_LOCATOR)
            .putInt(0)
            .putLong(end)
            .putInt(1)
            .flip());
    short count = (short) Math.min(headers.size(), 0xFFFF);
    write(
        buffer(ZipLayout.END_BYTES)
            .putInt(ZipLayout.END)
            .putInt(0)
            .putShort(count)
            .putShort(count)
            .putInt((int) Math.min(end - start, WIDE))
            .putInt((int) Math.min(start, WIDE))
            .putShort((short) 0)
            .flip());
  }

  private void writeCentralHeader(ZipRecord record) throws IOException {
    byte[] utf8 = record.name().getBytes(StandardCharsets.UTF_8);
    int wide = wideBytes(record.size(), record.offset());
    ByteBuffer header =
        buffer(ZipLayout.CENTRAL_HEADER_BYTES + utf8.length + wide)
            .putInt(ZipLayout.CENTRAL_HEADER)
            .putInt(0) // versions
            .putShort((short) (ZipLayout.FLAG_DESCRIPTOR | ZipLayout.FLAG_UTF8))
            .putShort((short) 0)
            .putInt(0)
            .putInt(record.crc())
            .putInt((int) Math.min(record.size(), WIDE))
            .putInt((int) Math.min(record.size(), WIDE))
            .putShort((short) utf8.length)
            .putShort((short) wide)
            .putShort((short) 0)
            .putShort((short) 0)
            .putShort((short) 0)
            .putInt(0)
            .putInt((int) Math.min(record.offset(), WIDE))
            .put(utf8);
    putWide(header, record.size(), record.offset());
    write(header.flip());
  }

  /** Bytes of the extra field with the numbers that do not fit in 32 bits; 0 without any. */
  private static int wideBytes(long size, long offset) {
    int numbers = (size >= WIDE ? 2 : 0) + (offset >= WIDE ? 1 : 0);
    return numbers == 0 ? 0 : 4 + Long.BYTES * numbers;
  }

  private static void putWide(ByteBuffer header, long size, long offset) {
    int wide = wideBytes(size, offset);
    if (wide > 0) {
      header.putShort((short) ZipLayout.EXTRA_ZIP64).putShort((short) (wide - 4));
      if (size >= WIDE) {
        header.putLong(size).putLong(size);
      }
      if (offset >= WIDE) {
        header.putLong(offset);
      }
    }
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void write(ByteBuffer buffer) throws IOException {
    position += buffer.remaining();
    int vain = 0;
    while (buffer.hasRemaining()) {
      vain = out.write(buffer) == 0 ? vain + 1 : 0;
      if (vain == MOST_VAIN) {
        throw new IOException("the channel takes no bytes: it must block until it can");
      }
    }
  }
}
