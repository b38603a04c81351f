package dev.warpstep.backend;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Types of elements in memory, and Java's numbers of them: {@code kernels/elements.h} on the host.
 */
public enum ElementType {
  /** IEEE 754 binary32. */
  FLOAT32(0, Float.BYTES) {
    @Override
    public double get(MemorySegment values, long index) {
      return values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
    }

    @Override
    public void set(MemorySegment values, long index, double value) {
      values.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index, (float) value);
    }
  },

  /** IEEE 754 binary16. */
  FLOAT16(1, Short.BYTES) {
    @Override
    public double get(MemorySegment values, long index) {
      return Float.float16ToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
    }

    @Override
    public void set(MemorySegment values, long index, double value) {
      values.setAtIndex(
          ValueLayout.JAVA_SHORT_UNALIGNED, index, Float.floatToFloat16((float) value));
    }
  },

  /** The upper half of a binary32. */
  BFLOAT16(2, Short.BYTES) {
    @Override
    public double get(MemorySegment values, long index) {
      return Float.intBitsToFloat(
          values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index) << Short.SIZE);
    }

    @Override
    public void set(MemorySegment values, long index, double value) {
      int bits = Float.floatToIntBits((float) value);
      int rounded = (bits + 0x7FFF + ((bits >>> Short.SIZE) & 1)) >>> Short.SIZE;
      values.setAtIndex(
          ValueLayout.JAVA_SHORT_UNALIGNED,
          index,
          (short) (Double.isNaN(value) ? 0x7FC0 : rounded));
    }
  },

  /** IEEE 754 binary64. */
  FLOAT64(3, Double.BYTES) {
    @Override
    public double get(MemorySegment values, long index) {
      return values.getAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, index);
    }

    @Override
    public void set(MemorySegment values, long index, double value) {
      values.setAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, index, value);
    }
  };

  private final int code;
  private final int sizeBytes;

  ElementType(int code, int sizeBytes) {
    this.code = code;
    this.sizeBytes = sizeBytes;
  }

  /** Its number in {@code kernels/plan.h}. */
  public int code() {
    return code;
  }

  /** Bytes of one element. */
  public int sizeBytes() {
    return sizeBytes;
  }

  /** Whether an element is 16 bits. */
  public boolean isHalf() {
    return sizeBytes == Short.BYTES;
  }

  /** An element of an array in native byte order, exactly. */
  public abstract double get(MemorySegment values, long index);

  /**
   * Writes an element, rounded to nearest, ties to even. A value that is no fp32 number is rounded
   * to one first, unless this is {@link #FLOAT64}.
   */
  public abstract void set(MemorySegment values, long index, double value);

  /** Converts all elements of an array, rounding to nearest. */
  public static void convert(
      ElementType fromType, MemorySegment from, ElementType toType, MemorySegment to) {
    if (fromType == toType) {
      to.copyFrom(from);
      return;
    }
    for (long i = 0, count = from.byteSize() / fromType.sizeBytes; i < count; i++) {
      toType.set(to, i, fromType.get(from, i));
    }
  }

  /**
   * All elements as fp32.
   *
   * @throws IllegalStateException if an array cannot hold them
   */
  public float[] toFloats(MemorySegment values) {
    float[] array = new float[count(values)];
    convert(this, values, FLOAT32, MemorySegment.ofArray(array));
    return array;
  }

  /**
   * All elements as fp64.
   *
   * @throws IllegalStateException if an array cannot hold them
   */
  public double[] toDoubles(MemorySegment values) {
    double[] array = new double[count(values)];
    convert(this, values, FLOAT64, MemorySegment.ofArray(array));
    return array;
  }

  private int count(MemorySegment values) {
    long elements = values.byteSize() / sizeBytes;
    if (elements > Integer.MAX_VALUE) {
      throw new IllegalStateException("an array cannot hold %d values".formatted(elements));
    }
    return (int) elements;
  }
}
