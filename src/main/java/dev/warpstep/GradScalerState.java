package dev.warpstep;

/**
 * What a {@link GradScaler} needs to go on as if it had never stopped: {@code
 * torch.amp.GradScaler.state_dict()}, whose keys are given here.
 *
 * @param scale {@code scale}, positive and finite in fp32
 * @param growthFactor {@code growth_factor}, above 1 and finite
 * @param backoffFactor {@code backoff_factor}, in (0, 1)
 * @param growthInterval {@code growth_interval}, positive
 * @param growthTracker {@code _growth_tracker}, steps in a row without an infinity, at least 0 and
 *     below the interval: from there on the scale would never grow again
 */
public record GradScalerState(
    double scale,
    double growthFactor,
    double backoffFactor,
    int growthInterval,
    int growthTracker) {
  /**
   * @throws IllegalArgumentException if a value is out of range
   */
  public GradScalerState {
    checkScale("scale", scale);
    checkGrowthFactor(growthFactor);
    checkBackoffFactor(backoffFactor);
    checkGrowthInterval(growthInterval);
    check(
        growthTracker >= 0 && growthTracker < growthInterval,
        "growthTracker",
        "in [0, growthInterval %d)".formatted(growthInterval),
        growthTracker);
  }

  static void checkScale(String name, double scale) {
    check(
        (float) scale > 0 && Float.isFinite((float) scale),
        name,
        "positive and finite in fp32",
        scale);
  }

  static void checkGrowthFactor(double factor) {
    check(factor > 1 && Double.isFinite(factor), "growthFactor", "above 1 and finite", factor);
  }

  static void checkBackoffFactor(double factor) {
    check(factor > 0 && factor < 1, "backoffFactor", "in (0, 1)", factor);
  }

  static void checkGrowthInterval(int interval) {
    check(interval > 0, "growthInterval", "positive", interval);
  }

  private static void check(boolean holds, String name, String range, Number value) {
    if (!holds) {
      throw new IllegalArgumentException(
          "GradScaler: %s must be %s, was %s".formatted(name, range, value));
    }
  }
}
