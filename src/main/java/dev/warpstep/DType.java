package dev.warpstep;

import dev.warpstep.backend.ElementType;

/** Element type of a tensor. */
public enum DType {
  /** IEEE 754 binary32, 4 bytes. */
  FLOAT32(ElementType.FLOAT32),

  /** IEEE 754 binary16, 2 bytes: 11 bits of precision, magnitudes from 6e-8 to 65,504. */
  FLOAT16(ElementType.FLOAT16),

  /** The upper half of a binary32, 2 bytes: 8 bits of precision, the range of binary32. */
  BFLOAT16(ElementType.BFLOAT16),

  /** IEEE 754 binary64, 8 bytes. */
  FLOAT64(ElementType.FLOAT64);

  private final ElementType elementType;

  DType(ElementType elementType) {
    this.elementType = elementType;
  }

  /** Bytes of one element. */
  public int sizeBytes() {
    return elementType.sizeBytes();
  }

  /** As backends call it. */
  ElementType elementType() {
    return elementType;
  }

  static DType of(ElementType elementType) {
    return valueOf(elementType.name());
  }

  /** Whether rules compute in fp64 with it, not in fp32. */
  boolean isDouble() {
    return this == FLOAT64;
  }

  boolean isHalf() {
    return elementType.isHalf();
  }
}
