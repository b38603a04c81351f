package dev.warpstep.backend;

/**
 * What a step does to every gradient and average ({@code WsVerdict} in {@code kernels/plan.h}).
 *
 * @param multiplier of the gradient
 * @param largest magnitude that the product is cut to; infinity: any
 * @param zeroGradients whether gradients are zero afterwards
 * @param averageWeight of the parameters in their averages; NaN: averages stay
 */
public record Verdict(
    double multiplier, double largest, boolean zeroGradients, double averageWeight) {
  /** An update and nothing else. */
  public static final Verdict NEUTRAL = new Verdict(1, Double.POSITIVE_INFINITY, false, Double.NaN);

  /** Whether averages are updated. */
  public boolean averages() {
    return !Double.isNaN(averageWeight);
  }
}
