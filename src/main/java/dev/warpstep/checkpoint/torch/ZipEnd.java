package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;

/**
 * What the end of a zip file says of its directory.
 *
 * @param entryCount entries
 * @param offset of the directory
 * @param size of the directory in bytes
 */
record ZipEnd(long entryCount, long offset, long size) {
  private static final String ENTRY = "end of the directory";

  /**
   * @throws IOException if the file does not end as a zip file without comment does
   */
  static ZipEnd read(Source source) throws IOException {
    long position = source.size() - ZipLayout.END_BYTES;
    if (position < 0) {
      throw source.refuse("is no zip file: %d bytes are too few".formatted(source.size()));
    }
    Bytes bytes = new Bytes(source, ENTRY, 0, source.size());
    refuseOldFormat(source, bytes);
    bytes.seek(position);
    if (bytes.i32() != ZipLayout.END) {
      throw source.refuse("is no zip file without comment, or was cut off");
    }
    boolean single = bytes.i32() == 0; // this disk and the directory's
    long here = bytes.u16();
    long entries = bytes.u16();
    long size = bytes.u32();
    long offset = bytes.u32();
    check(source, single && here == entries && bytes.u16() == 0);
    long directoryEnd = position;
    long locator = position - ZipLayout.END64_LOCATOR_BYTES;
    if (locator >= ZipLayout.END64_BYTES) {
      bytes.seek(locator);
      if (bytes.i32() == ZipLayout.END64_LOCATOR) {
        ZipEnd end = read64(source, bytes, locator);
        check(source, fits(end.entryCount, entries, 0xFFFF));
        check(source, fits(end.size, size, ZipLayout.IN_EXTRA));
        check(source, fits(end.offset, offset, ZipLayout.IN_EXTRA));
        return end;
      }
    }
    return checked(source, new ZipEnd(entries, offset, size), directoryEnd);
  }

  private static ZipEnd read64(Source source, Bytes bytes, long locator) throws IOException {
    long position = locator - ZipLayout.END64_BYTES;
    check(source, bytes.i32() == 0 && bytes.i64() == position && bytes.i32() == 1);
    bytes.seek(position);
    check(source, bytes.i32() == ZipLayout.END64);
    check(source, bytes.i64() == ZipLayout.END64_BYTES - 12);
    bytes.i32(); // versions
    check(source, bytes.i64() == 0); // this disk and the directory's
    long here = bytes.i64();
    long entries = bytes.i64();
    long size = bytes.i64();
    long offset = bytes.i64();
    check(source, here == entries);
    return checked(source, new ZipEnd(entries, offset, size), position);
  }

  private static ZipEnd checked(Source source, ZipEnd end, long directoryEnd)
      throws CheckpointException {
    check(source, end.offset >= 0 && end.offset <= directoryEnd);
    check(source, end.size == directoryEnd - end.offset);
    check(source, end.entryCount >= 1);
    check(source, end.entryCount <= end.size / ZipLayout.CENTRAL_HEADER_BYTES);
    return end;
  }

  /** Whether a short field holds a number, or the mark that it is elsewhere. */
  private static boolean fits(long number, long field, long mark) {
    return field == number || field == mark;
  }

  private static void refuseOldFormat(Source source, Bytes bytes) throws IOException {
    bytes.seek(0);
    if (bytes.u16() == 0x0280) {
      throw source.refuse(
          "is a pickle without zip, as torch.save wrote before PyTorch 1.6; load and save it"
              + " there");
    }
  }

  private static void check(Source source, boolean valid) throws CheckpointException {
    if (!valid) {
      throw source.refuse(ENTRY, "contradicts the file: the zip file is damaged or not PyTorch's");
    }
  }
}
