package dev.warpstep.unfused;

/** A named parameter and its gradient, both arrays of the caller. */
public final class Tensor {
  private final String name;
  private final float[] values;
  private final float[] gradient;

  /**
   * A tensor over the caller's arrays.
   *
   * @throws IllegalArgumentException if the arrays differ in length
   */
  public Tensor(String name, float[] values, float[] gradient) {
    if (values.length != gradient.length) {
      throw new IllegalArgumentException(
          "%s: gradient must have the %d elements of the values, had %d"
              .formatted(name, values.length, gradient.length));
    }
    this.name = name;
    this.values = values;
    this.gradient = gradient;
  }

  /** What the tensor is. */
  public String name() {
    return name;
  }

  /** The values, in place. */
  public float[] values() {
    return values;
  }

  /** The gradient, in place. */
  public float[] gradient() {
    return gradient;
  }

  /** How many elements values and gradient have. */
  public int elementCount() {
    return values.length;
  }

  @Override
  public String toString() {
    return "%s[%d]".formatted(name, values.length);
  }
}
