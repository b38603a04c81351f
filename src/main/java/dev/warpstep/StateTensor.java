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
   * A copy of the values.
   *
   * @throws IllegalStateException if there are more than an array can hold
   */
  public float[] toArray() {
    long elements = values.byteSize() / dtype.sizeBytes();
    if (elements > Integer.MAX_VALUE) {
      throw new IllegalStateException("an array cannot hold %d values".formatted(elements));
    }
    float[] array = new float[(int) elements];
    MemorySegment.ofArray(array).copyFrom(values);
    return array;
  }
}
