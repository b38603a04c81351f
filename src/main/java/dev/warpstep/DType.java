package dev.warpstep;

/** Element type of a tensor. */
public enum DType {
  /** IEEE 754 binary32, 4 bytes. */
  FLOAT32(4),

  /** IEEE 754 binary16, 2 bytes: 11 bits of precision, magnitudes from 6e-8 to 65,504. */
  FLOAT16(2),

  /** The upper half of a binary32, 2 bytes: 8 bits of precision, the range of binary32. */
  BFLOAT16(2),

  /** IEEE 754 binary64, 8 bytes. */
  FLOAT64(8);

  private final int sizeBytes;

  DType(int sizeBytes) {
    this.sizeBytes = sizeBytes;
  }

  /** Bytes of one element. */
  public int sizeBytes() {
    return sizeBytes;
  }
}
