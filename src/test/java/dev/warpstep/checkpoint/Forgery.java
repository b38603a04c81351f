package dev.warpstep.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Files whose header says what it likes, with a checksum that fits. */
final class Forgery {
  private Forgery() {}

  /**
   * A file.
   *
   * @param metadata JSON fields after the library's version and checksum
   * @param tensors JSON fields after the metadata
   */
  static byte[] file(String metadata, String tensors, byte... data) {
    return file(
        Header.BEFORE_CHECKSUM
            + Checksum.NONE
            + '"'
            + (metadata.isEmpty() ? "" : "," + metadata)
            + '}'
            + (tensors.isEmpty() ? "" : "," + tensors)
            + '}',
        data);
  }

  private static byte[] file(String header, byte[] data) {
    byte[] bytes = header.getBytes(UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(Long.BYTES + bytes.length + data.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(bytes.length)
            .put(bytes)
            .put(data);
    return sealed(file.array());
  }

  /** The file with the header's checksum corrected, if it has the place for one. */
  static byte[] sealed(byte[] file) {
    byte[] sealed = file.clone();
    int at = Long.BYTES + Header.BEFORE_CHECKSUM.length();
    ByteBuffer bytes = ByteBuffer.wrap(sealed).order(ByteOrder.LITTLE_ENDIAN);
    if (sealed.length < at + Checksum.DIGITS) {
      return sealed;
    }
    long length = bytes.getLong(0);
    if (length < at - Long.BYTES + Checksum.DIGITS || length > sealed.length - Long.BYTES) {
      return sealed;
    }
    byte[] header = new byte[(int) length];
    bytes.get(Long.BYTES, header);
    bytes.put(at, Checksum.ofHeader(header).getBytes(StandardCharsets.US_ASCII));
    return sealed;
  }
}
