package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Multiplies the learning rate by a factor for a number of epochs.
 *
 * <pre>
 *   lr = initial lr · (epoch &lt; totalIters ? factor : 1)
 * </pre>
 *
 * <p>{@code torch.optim.lr_scheduler.ConstantLR}.
 */
public final class ConstantLR extends FactorLR {
  private final double factor;
  private final long totalIters;

  /** With PyTorch's arguments: a third for 5 epochs. */
  public ConstantLR(Optimizer optimizer) {
    this(optimizer, 1.0 / 3, 5);
  }

  /**
   * @param factor in [0, 1]
   * @param totalIters epochs that it is for, at least 1
   * @throws IllegalArgumentException if an argument is out of range
   */
  public ConstantLR(Optimizer optimizer, double factor, long totalIters) {
    super(optimizer, 0);
    this.factor = Arguments.share(kind(), "factor", factor);
    this.totalIters = Arguments.positive(kind(), "totalIters", totalIters);
    start();
  }

  @Override
  double factor(long epoch) {
    return epoch < totalIters ? factor : 1;
  }
}
