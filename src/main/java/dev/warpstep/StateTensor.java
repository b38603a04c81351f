package dev.warpstep;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Values of one state array, in host memory.
 *
 * @param dtype of the values
 * @param shape dimensions, the parameter's
 * @param values the elements in row-major order and native byte order
 */
public record StateTensor(DType dtype, List<Long> shape, MemorySegment values) {
  /**
   * Copies the shape, keeps the values.
   *
   * @throws IllegalArgumentException if a dimension is negative or the shape too large, or the
   *     values are not as many as the shape says
   */
  public StateTensor {
    shape = List.copyOf(shape);
    long elements = Shapes.elementCount("state tensor", shape);
    if (values.byteSize() != elements * dtype.sizeBytes()) {
      throw new IllegalArgumentException(
          "values must be %d bytes for %s of shape %s, were %d"
              .formatted(elements * dtype.sizeBytes(), dtype, shape, values.byteSize()));
    }
  }

  /**
   * A copy of the values. Those of {@link DType#FLOAT64} are rounded; all others are exact.
   *
   * @throws IllegalStateException if there are more than an array can hold
   */
  public float[] toArray() {
    return dtype.elementType().toFloats(values);
  }

  /**
   * A copy of the values, exact for every type.
   *
   * @throws IllegalStateException if there are more than an array can hold
   */
  public double[] toDoubleArray() {
    return dtype.elementType().toDoubles(values);
  }
}
