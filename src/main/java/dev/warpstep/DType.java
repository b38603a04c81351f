package dev.warpstep;

/** Element type of a tensor. */
public enum DType {
  /** IEEE 754 binary32, 4 bytes. */
  FLOAT32(4);

  private final int sizeBytes;

  DType(int sizeBytes) {
    this.sizeBytes = sizeBytes;
  }

  /** Bytes of one element. */
  public int sizeBytes() {
    return sizeBytes;
  }
}
