package dev.warpstep;

import dev.warpstep.backend.ElementType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** State of one type as another, rounded to nearest once. */
final class StateConversion {
  private StateConversion() {}

  /**
   * A copy of another type.
   *
   * @param name of the array, for the message
   * @throws IllegalArgumentException if a finite value would become infinite
   */
  static StateTensor convert(String name, StateTensor tensor, DType to) {
    ElementType from = tensor.dtype().elementType();
    ElementType type = to.elementType();
    long elements = tensor.values().byteSize() / from.sizeBytes();
    MemorySegment converted =
        Arena.ofAuto().allocate(elements * type.sizeBytes(), ElementType.FLOAT64.sizeBytes());
    for (long i = 0; i < elements; i++) {
      double value = from.get(tensor.values(), i);
      type.set(converted, i, type.isHalf() ? toOdd(value) : value);
      if (Double.isFinite(value) && !Double.isFinite(type.get(converted, i))) {
        throw new IllegalArgumentException(
            "%s must be finite in %s, was %s at element %d".formatted(name, to, value, i));
      }
    }
    return new StateTensor(to, tensor.shape(), converted);
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
