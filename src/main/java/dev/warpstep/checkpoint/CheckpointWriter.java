package dev.warpstep.checkpoint;

import dev.warpstep.StateTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes checkpoints: tensors first, in one pass, then the header with their checksums. */
final class CheckpointWriter {
  private static final long STAGING_BYTES = 4 << 20;

  private final Map<String, StateTensor> tensors;
  private final Header header;
  private final Map<String, String> checksums = new LinkedHashMap<>();

  private CheckpointWriter(Encoder encoder) {
    this.tensors = encoder.tensors();
    this.header = new Header(encoder.metadata(), positions(tensors));
    tensors.keySet().forEach(name -> checksums.put(name, Checksum.NONE));
  }

  static void write(FileOperations system, Path file, Checkpoint checkpoint)
      throws CheckpointException {
    try {
      CheckpointWriter writer = new CheckpointWriter(Encoder.encode(checkpoint));
      long padding = writer.padding();
      AtomicFile.write(system, file, channel -> writer.write(channel, padding));
    } catch (CheckpointException e) {
      throw e;
    } catch (HeaderException e) {
      throw e.in(file);
    } catch (IOException e) {
      throw new CheckpointException(file, "describe the checkpoint for", e);
    }
  }

  private static Map<String, Header.Tensor> positions(Map<String, StateTensor> tensors) {
    Map<String, Header.Tensor> positions = new LinkedHashMap<>();
    long end = 0;
    for (Map.Entry<String, StateTensor> entry : tensors.entrySet()) {
      StateTensor tensor = entry.getValue();
      List<Long> shape = tensor.shape();
      long sizeBytes = tensor.values().byteSize();
      positions.put(entry.getKey(), new Header.Tensor(tensor.dtype(), shape, end, sizeBytes));
      end += sizeBytes;
    }
    return positions;
  }

  /**
   * How many spaces the header needs so that its reader may take the memory it needs. Found by
   * reading it: what is written can be read.
   */
  private long padding() throws IOException {
    // Aligned with spaces itself, which the final one need not have.
    byte[] draft = HeaderWriter.write(header, checksums, 0);
    long dataBytes = header.dataBytes();
    Allowance allowance = Allowance.unlimited();
    CheckpointReader.charge(allowance, draft.length, dataBytes);
    Header read = HeaderReader.read(draft, dataBytes, allowance);
    Decoder.decode(read.metadata(), tensors, allowance);
    return allowance.shortfall(Header.LENGTH_BYTES + draft.length - Header.ALIGNMENT + dataBytes);
  }

  private void write(SeekableByteChannel channel, long padding) throws IOException {
    // Checksums are of one length: the header will fit into the place that is left for it.
    long length = HeaderWriter.write(header, checksums, padding).length;
    channel.position(Header.LENGTH_BYTES + length);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment staging = arena.allocate(STAGING_BYTES);
      for (Map.Entry<String, StateTensor> tensor : tensors.entrySet()) {
        checksums.put(tensor.getKey(), write(channel, tensor.getValue(), staging));
      }
    }
    channel.position(0);
    Bytes.write(channel, Bytes.littleEndian(length));
    Bytes.write(channel, ByteBuffer.wrap(HeaderWriter.write(header, checksums, padding)));
  }

  /** Returns the checksum of what was written. */
  private static String write(
      SeekableByteChannel channel, StateTensor tensor, MemorySegment staging) throws IOException {
    Checksum checksum = new Checksum();
    MemorySegment values = tensor.values();
    for (long offset = 0; offset < values.byteSize(); offset += STAGING_BYTES) {
      long sizeBytes = Math.min(STAGING_BYTES, values.byteSize() - offset);
      Bytes.toFile(tensor.dtype(), values, offset, staging, sizeBytes);
      ByteBuffer bytes = staging.asSlice(0, sizeBytes).asByteBuffer();
      checksum.update(bytes);
      Bytes.write(channel, bytes.rewind());
    }
    return checksum.digits();
  }
}
