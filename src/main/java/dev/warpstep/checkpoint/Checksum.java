package dev.warpstep.checkpoint;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/** CRC-32C, which notices every flipped bit, as eight hexadecimal digits. */
final class Checksum {
  static final int DIGITS = 8;
  static final String NONE = "0".repeat(DIGITS);

  private final CRC32C crc = new CRC32C();

  /** Takes what remains in a buffer. */
  void update(ByteBuffer bytes) {
    crc.update(bytes);
  }

  String digits() {
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }

  /**
   * Of a header and its length, with zeros in place of the checksum itself.
   *
   * @param header at least as long as {@link Header#BEFORE_CHECKSUM} and the checksum
   */
  static String ofHeader(byte[] header) {
    Checksum checksum = new Checksum();
    ByteBuffer bytes = ByteBuffer.wrap(header);
    int at = Header.BEFORE_CHECKSUM.length();
    checksum.update(Bytes.littleEndian(header.length));
    checksum.update(bytes.slice(0, at));
    checksum.update(ByteBuffer.wrap(NONE.getBytes(StandardCharsets.US_ASCII)));
    checksum.update(bytes.position(at + DIGITS));
    return checksum.digits();
  }
}
