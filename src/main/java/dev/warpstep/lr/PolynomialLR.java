package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Decays the learning rate to zero by a polynomial.
 *
 * <pre>
 *   lr = initial lr · (1 − min(epoch, totalIters) / totalIters)^power
 * </pre>
 *
 * <p>{@code torch.optim.lr_scheduler.PolynomialLR}.
 */
public final class PolynomialLR extends FactorLR {
  private final long totalIters;
  private final double power;

  /** With PyTorch's arguments: linearly in 5 epochs. */
  public PolynomialLR(Optimizer optimizer) {
    this(optimizer, 5, 1);
  }

  /**
   * @param totalIters epochs of the decay, at least 1
   * @param power of the polynomial, at least 0
   * @throws IllegalArgumentException if an argument is out of range
   */
  public PolynomialLR(Optimizer optimizer, long totalIters, double power) {
    super(optimizer, 0);
    this.totalIters = Arguments.positive(kind(), "totalIters", totalIters);
    this.power = Arguments.nonNegative(kind(), "power", power);
    start();
  }

  @Override
  double factor(long epoch) {
    return StrictMath.pow(1 - (double) Math.min(epoch, totalIters) / totalIters, power);
  }
}
