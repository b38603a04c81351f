package dev.warpstep.checkpoint;

/**
 * What a {@link dev.warpstep.GradScaler} needs to go on, by PyTorch's names.
 *
 * @param scale positive and finite
 * @param growthFactor what the scale is multiplied by after enough steps without an infinity
 * @param backoffFactor what it is multiplied by after a step with one
 * @param growthInterval how many steps are enough, 1 or more
 * @param growthTracker steps in a row without an infinity so far, 0 or more
 */
public record ScalerState(
    double scale,
    double growthFactor,
    double backoffFactor,
    int growthInterval,
    int growthTracker) {
  /**
   * @throws IllegalArgumentException if a number is out of its range
   */
  public ScalerState {
    check(
        "scale must be positive and finite", scale, scale > 0 && scale < Double.POSITIVE_INFINITY);
    check(
        "growthFactor must be above 1 and finite",
        growthFactor,
        growthFactor > 1 && growthFactor < Double.POSITIVE_INFINITY);
    check("backoffFactor must be in (0, 1)", backoffFactor, backoffFactor > 0 && backoffFactor < 1);
    check("growthInterval must be positive", growthInterval, growthInterval > 0);
    check("growthTracker must not be negative", growthTracker, growthTracker >= 0);
  }

  private static void check(String rule, Number value, boolean holds) {
    if (!holds) {
      throw new IllegalArgumentException("%s, was %s".formatted(rule, value));
    }
  }
}
