package dev.warpstep;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Values of any type in host memory, in native byte order, as Java's own numbers. */
final class Elements {
  private Elements() {}

  static float[] toFloats(DType dtype, MemorySegment values) {
    float[] array = new float[count(dtype, values)];
    if (dtype == DType.FLOAT32) {
      MemorySegment.ofArray(array).copyFrom(values);
      return array;
    }
    for (int i = 0; i < array.length; i++) {
      array[i] = (float) get(dtype, values, i);
    }
    return array;
  }

  static double[] toDoubles(DType dtype, MemorySegment values) {
    double[] array = new double[count(dtype, values)];
    for (int i = 0; i < array.length; i++) {
      array[i] = get(dtype, values, i);
    }
    return array;
  }

  /** Rounds to nearest, ties to even. */
  static void fromFloats(DType dtype, float[] source, MemorySegment values) {
    if (dtype == DType.FLOAT32) {
      values.copyFrom(MemorySegment.ofArray(source));
      return;
    }
    for (int i = 0; i < source.length; i++) {
      set(dtype, values, i, source[i]);
    }
  }

  static double get(DType dtype, MemorySegment values, long index) {
    return switch (dtype) {
      case FLOAT32 -> values.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
      case FLOAT16 ->
          Float.float16ToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
      case BFLOAT16 -> bfloat16ToFloat(values.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index));
      case FLOAT64 -> values.getAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, index);
    };
  }

  private static void set(DType dtype, MemorySegment values, long index, float value) {
    switch (dtype) {
      case FLOAT32 -> values.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index, value);
      case FLOAT16 ->
          values.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index, Float.floatToFloat16(value));
      case BFLOAT16 ->
          values.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, index, floatToBfloat16(value));
      case FLOAT64 -> values.setAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, index, value);
    }
  }

  static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return 0x7FC0;
    }
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  private static int count(DType dtype, MemorySegment values) {
    long elements = values.byteSize() / dtype.sizeBytes();
    if (elements > Integer.MAX_VALUE) {
      throw new IllegalStateException("an array cannot hold %d values".formatted(elements));
    }
    return (int) elements;
  }
}
