package dev.warpstep.cli.network;

/** (o − target)², for a network with one output. */
public final class SquaredError implements Loss {
  private final float[] targets;

  /** The loss for these targets, one for each sample; not copied. */
  public SquaredError(float[] targets) {
    this.targets = targets;
  }

  @Override
  public double of(int sample, float[] outputs, float[] gradient) {
    float error = outputs[0] - targets[sample];
    gradient[0] = 2 * error;
    return (double) error * error;
  }
}
