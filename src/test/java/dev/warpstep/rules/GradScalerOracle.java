package dev.warpstep.rules;

/**
 * The rules on the documentation page of {@code torch.amp.GradScaler}.
 *
 * <p>The scale is a {@code float}, as is the reciprocal that unscales, in every dtype of the
 * parameters; a growth that {@code float} cannot hold leaves the scale as it is.
 */
final class GradScalerOracle {
  private final double growthFactor;
  private final double backoffFactor;
  private final int growthInterval;
  private float scale;
  private int growthTracker;

  GradScalerOracle(
      double initScale, double growthFactor, double backoffFactor, int growthInterval) {
    this.scale = (float) initScale;
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
  }

  double scale() {
    return scale;
  }

  /** Finite steps since the scale changed. */
  int growthTracker() {
    return growthTracker;
  }

  double unscaled(double gradient) {
    return gradient * (float) (1 / (double) scale);
  }

  /** After a step. */
  void update(boolean finite) {
    if (!finite) {
      scale = (float) (scale * backoffFactor);
      growthTracker = 0;
      return;
    }
    growthTracker++;
    if (growthTracker == growthInterval) {
      float grown = (float) (scale * growthFactor);
      scale = Float.isFinite(grown) ? grown : scale;
      growthTracker = 0;
    }
  }
}
