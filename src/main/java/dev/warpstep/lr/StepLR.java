package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Decays the learning rate by a factor every so many epochs.
 *
 * <pre>
 *   lr = initial lr · gamma^⌊epoch / stepSize⌋
 * </pre>
 *
 * <p>{@code torch.optim.lr_scheduler.StepLR}.
 */
public final class StepLR extends FactorLR {
  private final long stepSize;
  private final double gamma;

  /** With PyTorch's gamma, 0.1. */
  public StepLR(Optimizer optimizer, long stepSize) {
    this(optimizer, stepSize, 0.1);
  }

  /**
   * @param stepSize epochs between two decays, at least 1
   * @param gamma factor of a decay, at least 0
   * @throws IllegalArgumentException if an argument is out of range
   */
  public StepLR(Optimizer optimizer, long stepSize, double gamma) {
    super(optimizer, 0);
    this.stepSize = Arguments.positive(kind(), "stepSize", stepSize);
    this.gamma = Arguments.nonNegative(kind(), "gamma", gamma);
    start();
  }

  @Override
  double factor(long epoch) {
    long decays = epoch / stepSize;
    return StrictMath.pow(gamma, (double) decays);
  }
}
