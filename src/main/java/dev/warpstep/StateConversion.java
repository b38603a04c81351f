package dev.warpstep;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** State of one type as another, rounded to nearest once. */
final class StateConversion {
  /** Elements that are in Java arrays at a time. */
  private static final int CHUNK = 8_192;

  private StateConversion() {}

  /**
   * A copy of another type.
   *
   * @param name of the array, for the message
   * @throws IllegalArgumentException if a finite value would become infinite
   */
  static StateTensor convert(String name, StateTensor tensor, DType to) {
    DType from = tensor.dtype();
    long elements = tensor.values().byteSize() / from.sizeBytes();
    MemorySegment converted =
        Arena.ofAuto().allocate(elements * to.sizeBytes(), DType.FLOAT64.sizeBytes());
    for (long begin = 0; begin < elements; begin += CHUNK) {
      long count = Math.min(CHUNK, elements - begin);
      double[] values =
          Elements.toDoubles(
              from, tensor.values().asSlice(begin * from.sizeBytes(), count * from.sizeBytes()));
      for (int i = 0; i < values.length; i++) {
        if (Double.isFinite(values[i]) && !isFinite(values[i], to)) {
          throw new IllegalArgumentException(
              "%s must be finite in %s, was %s at element %d"
                  .formatted(name, to, values[i], begin + i));
        }
      }
      converted
          .asSlice(begin * to.sizeBytes(), count * to.sizeBytes())
          .copyFrom(encoded(values, to));
    }
    return new StateTensor(to, tensor.shape(), converted);
  }

  private static boolean isFinite(double value, DType to) {
    return switch (to) {
      case FLOAT64 -> true;
      case FLOAT32 -> Float.isFinite((float) value);
      case FLOAT16 -> Float.isFinite(Float.float16ToFloat(half(value)));
      case BFLOAT16 -> Float.isFinite(Elements.bfloat16ToFloat(bfloat(value)));
    };
  }

  private static MemorySegment encoded(double[] values, DType to) {
    return switch (to) {
      case FLOAT64 -> MemorySegment.ofArray(values);
      case FLOAT32 -> {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = (float) values[i];
        }
        yield MemorySegment.ofArray(floats);
      }
      case FLOAT16, BFLOAT16 -> {
        short[] shorts = new short[values.length];
        for (int i = 0; i < shorts.length; i++) {
          shorts[i] = to == DType.FLOAT16 ? half(values[i]) : bfloat(values[i]);
        }
        yield MemorySegment.ofArray(shorts);
      }
    };
  }

  private static short half(double value) {
    return Float.floatToFloat16(toOdd(value));
  }

  private static short bfloat(double value) {
    return Elements.floatToBfloat16(toOdd(value));
  }

  /**
   * A double as a float that rounds to any shorter type as the double itself would: cut off towards
   * zero, the last bit set if anything was cut off. To nearest, it would be rounded twice.
   */
  private static float toOdd(double value) {
    float nearest = (float) value;
    if (nearest == value || Double.isNaN(value)) {
      return nearest;
    }
    float cut = nearest;
    if (Math.abs((double) nearest) > Math.abs(value)) {
      cut = nearest > 0 ? Math.nextDown(nearest) : Math.nextUp(nearest);
    }
    return Float.intBitsToFloat(Float.floatToRawIntBits(cut) | 1);
  }
}
