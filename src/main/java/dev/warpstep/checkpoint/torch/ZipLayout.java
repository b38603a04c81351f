package dev.warpstep.checkpoint.torch;

/** Numbers of the zip format that reader and writer share, from PKWARE's APPNOTE 6.3. */
final class ZipLayout {
  static final int LOCAL_HEADER = 0x04034B50;
  static final int DESCRIPTOR = 0x08074B50;
  static final int CENTRAL_HEADER = 0x02014B50;
  static final int END64 = 0x06064B50;
  static final int END64_LOCATOR = 0x07064B50;
  static final int END = 0x06054B50;

  static final int LOCAL_HEADER_BYTES = 30;
  static final int CENTRAL_HEADER_BYTES = 46;
  static final int END64_BYTES = 56;
  static final int END64_LOCATOR_BYTES = 20;
  static final int END_BYTES = 22;

  /** Sizes and CRC follow the data, in a descriptor. */
  static final int FLAG_DESCRIPTOR = 1 << 3;

  /** Names are UTF-8. */
  static final int FLAG_UTF8 = 1 << 11;

  /** An extra field of 64-bit numbers, for those that are {@link #IN_EXTRA}. */
  static final int EXTRA_ZIP64 = 1;

  /** PyTorch's extra field, which moves data to a multiple of 64 bytes. */
  static final int EXTRA_PADDING = 'F' | ('B' << 8);

  static final long IN_EXTRA = 0xFFFF_FFFFL;

  /** Data begin at a multiple of this, so that they can be mapped. */
  static final int ALIGNMENT = 64;

  private ZipLayout() {}
}
