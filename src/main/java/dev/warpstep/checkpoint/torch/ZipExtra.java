package dev.warpstep.checkpoint.torch;

import java.io.IOException;

/** The extra fields of a zip header: 64-bit numbers are used, all others are skipped. */
final class ZipExtra {
  private final Source source;
  private final String name;
  private final boolean zip64;
  private final long[] numbers;
  private int used;

  private ZipExtra(Source source, String name, boolean zip64, long[] numbers) {
    this.source = source;
    this.name = name;
    this.zip64 = zip64;
    this.numbers = numbers;
  }

  /**
   * @throws IOException if the fields do not fill the bytes
   */
  static ZipExtra read(Source source, String name, Bytes bytes, int length) throws IOException {
    long end = bytes.position() + length;
    boolean zip64 = false;
    long[] numbers = {};
    while (bytes.position() < end) {
      int id = bytes.u16();
      int size = bytes.u16();
      long next = bytes.position() + size;
      if (next > end) {
        throw source.refuse(name, "has an extra field of %d bytes that does not fit", size);
      }
      if (id == ZipLayout.EXTRA_ZIP64) {
        if (zip64 || size % Long.BYTES != 0 || size > 3 * Long.BYTES) {
          throw source.refuse(name, "has an extra field of 64-bit sizes with %d bytes", size);
        }
        zip64 = true;
        numbers = new long[size / Long.BYTES];
        for (int i = 0; i < numbers.length; i++) {
          numbers[i] = bytes.i64();
        }
      }
      bytes.seek(next);
    }
    if (bytes.position() != end) {
      throw source.refuse(name, "has extra fields that do not fill their %d bytes", length);
    }
    return new ZipExtra(source, name, zip64, numbers);
  }

  boolean isZip64() {
    return zip64;
  }

  /** A header's number, or the next 64-bit one if the header says so. */
  long longer(long number) throws IOException {
    if (number != ZipLayout.IN_EXTRA || !zip64) {
      return number;
    }
    if (used == numbers.length) {
      throw source.refuse(name, "lacks a 64-bit size");
    }
    return numbers[used++];
  }
}
