package dev.warpstep;

import java.util.List;

/** Shapes of tensors. */
final class Shapes {
  private Shapes() {}

  /**
   * Product of the dimensions; 1 for a scalar.
   *
   * @throws IllegalArgumentException if a dimension is negative, or there are too many elements for
   *     their bytes to be counted
   */
  static long elementCount(String owner, List<Long> shape) {
    long elements = 1;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException(
            "%s: dimensions must not be negative, shape was %s".formatted(owner, shape));
      }
      try {
        elements = Math.multiplyExact(elements, dimension);
        Math.multiplyExact(elements, (long) Float.BYTES);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("%s: shape %s is too large".formatted(owner, shape), e);
      }
    }
    return elements;
  }
}
