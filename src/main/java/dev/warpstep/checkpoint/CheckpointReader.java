package dev.warpstep.checkpoint;

import dev.warpstep.DType;
import dev.warpstep.StateTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads checkpoints: the header first, then tensors, whose sizes the file's bounds by then. */
final class CheckpointReader {
  private static final long CHUNK_BYTES = 4 << 20;

  private CheckpointReader() {}

  /** Gets the bytes of a tensor, and their checksum. */
  @FunctionalInterface
  interface Source {
    MemorySegment get(
        FileChannel channel, DType dtype, long position, long sizeBytes, Checksum checksum)
        throws IOException;
  }

  static Checkpoint read(Path file, Source source) throws CheckpointException {
    // Not of a pipe, whose opening waits for a writer.
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new CheckpointException(file, "is not a regular file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return read(channel, source);
    } catch (HeaderException e) {
      throw e.in(file);
    } catch (IOException e) {
      throw new CheckpointException(file, "read", e);
    } catch (OutOfMemoryError e) {
      throw new CheckpointException(file, "there is not enough memory: " + e.getMessage());
    } catch (InternalError e) {
      // What the JVM makes of a mapped page that is not in the file any more.
      throw new CheckpointException(file, "read", new IOException(e));
    }
  }

  /** Takes what header and tensors take as they are. */
  static void charge(Allowance allowance, long headerBytes, long dataBytes) throws HeaderException {
    allowance.charge(headerBytes);
    allowance.charge(dataBytes);
  }

  private static Checkpoint read(FileChannel channel, Source source) throws IOException {
    long fileBytes = channel.size();
    long headerBytes = headerBytes(channel, fileBytes);
    long dataBegin = Header.LENGTH_BYTES + headerBytes;
    Allowance allowance = Allowance.of(fileBytes);
    charge(allowance, headerBytes, fileBytes - dataBegin);
    ByteBuffer bytes = ByteBuffer.allocate((int) headerBytes);
    Bytes.read(channel, bytes, Header.LENGTH_BYTES);
    Header header = HeaderReader.read(bytes.array(), fileBytes - dataBegin, allowance);
    Map<String, StateTensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, Header.Tensor> tensor : header.tensors().entrySet()) {
      String name = tensor.getKey();
      String expected = header.metadata().get(Keys.TENSOR_CHECKSUM + name);
      tensors.put(name, tensor(channel, dataBegin, name, tensor.getValue(), expected, source));
    }
    return Decoder.decode(header.metadata(), tensors, allowance);
  }

  private static long headerBytes(FileChannel channel, long fileBytes) throws IOException {
    if (fileBytes < Header.LENGTH_BYTES) {
      throw new HeaderException("is missing, the file has %d bytes".formatted(fileBytes));
    }
    ByteBuffer length = Bytes.littleEndian(0).clear();
    Bytes.read(channel, length, 0);
    long headerBytes = length.getLong();
    if (headerBytes < 0
        || headerBytes > Header.MOST_BYTES
        || headerBytes > fileBytes - Header.LENGTH_BYTES) {
      throw new HeaderException(
          "must be at most %d bytes and in the file of %d, says %s"
              .formatted(Header.MOST_BYTES, fileBytes, Long.toUnsignedString(headerBytes)));
    }
    return headerBytes;
  }

  private static StateTensor tensor(
      FileChannel channel,
      long dataBegin,
      String name,
      Header.Tensor tensor,
      String expected,
      Source source)
      throws IOException {
    Checksum checksum = new Checksum();
    MemorySegment values =
        source.get(
            channel, tensor.dtype(), dataBegin + tensor.begin(), tensor.sizeBytes(), checksum);
    if (!checksum.digits().equals(expected)) {
      throw new HeaderException(
          name,
          "must have the checksum that the header says, %s, has %s"
              .formatted(expected, checksum.digits()));
    }
    return new StateTensor(tensor.dtype(), tensor.shape(), values);
  }

  /** Into memory of an arena. */
  static Source copied(Arena arena) {
    return (channel, dtype, position, sizeBytes, checksum) -> {
      MemorySegment values = arena.allocate(sizeBytes, Header.ALIGNMENT);
      for (long offset = 0; offset < sizeBytes; offset += CHUNK_BYTES) {
        ByteBuffer chunk = chunk(values, offset);
        Bytes.read(channel, chunk, position + offset);
        checksum.update(chunk);
      }
      Bytes.toMachine(dtype, values);
      return values;
    };
  }

  /** Where they are. */
  static Source mapped(Arena arena) {
    if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
      return copied(arena);
    }
    return (channel, dtype, position, sizeBytes, checksum) -> {
      MemorySegment values = channel.map(FileChannel.MapMode.READ_ONLY, position, sizeBytes, arena);
      for (long offset = 0; offset < sizeBytes; offset += CHUNK_BYTES) {
        checksum.update(chunk(values, offset));
      }
      return values;
    };
  }

  private static ByteBuffer chunk(MemorySegment values, long offset) {
    return values.asSlice(offset, Math.min(CHUNK_BYTES, values.byteSize() - offset)).asByteBuffer();
  }
}
