package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Decays the learning rate by a factor every epoch.
 *
 * <pre>
 *   lr = initial lr · gamma^epoch
 * </pre>
 *
 * <p>{@code torch.optim.lr_scheduler.ExponentialLR}.
 */
public final class ExponentialLR extends FactorLR {
  private final double gamma;

  /**
   * @param gamma factor of an epoch, at least 0
   * @throws IllegalArgumentException if it is out of range
   */
  public ExponentialLR(Optimizer optimizer, double gamma) {
    super(optimizer, 0);
    this.gamma = Arguments.nonNegative(kind(), "gamma", gamma);
    start();
  }

  @Override
  double factor(long epoch) {
    return StrictMath.pow(gamma, (double) epoch);
  }
}
