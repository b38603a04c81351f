package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Changes a factor of the learning rate linearly over a number of epochs, and keeps its last value.
 *
 * <pre>
 *   lr = initial lr · (startFactor + (endFactor − startFactor) · min(epoch, totalIters) / totalIters)
 * </pre>
 *
 * <p>{@code torch.optim.lr_scheduler.LinearLR}.
 */
public final class LinearLR extends FactorLR {
  private final double startFactor;
  private final double endFactor;
  private final long totalIters;

  /** With PyTorch's arguments: from a third to 1 in 5 epochs. */
  public LinearLR(Optimizer optimizer) {
    this(optimizer, 1.0 / 3, 1, 5);
  }

  /**
   * @param startFactor at epoch 0, in (0, 1]
   * @param endFactor at epoch {@code totalIters} and later, in [0, 1]
   * @param totalIters epochs of the change, at least 1
   * @throws IllegalArgumentException if an argument is out of range
   */
  public LinearLR(Optimizer optimizer, double startFactor, double endFactor, long totalIters) {
    super(optimizer, 0);
    Arguments.check(
        startFactor > 0 && startFactor <= 1, kind(), "startFactor", "in (0, 1]", startFactor);
    this.startFactor = startFactor;
    this.endFactor = Arguments.share(kind(), "endFactor", endFactor);
    this.totalIters = Arguments.positive(kind(), "totalIters", totalIters);
    start();
  }

  @Override
  double factor(long epoch) {
    return epoch >= totalIters
        ? endFactor
        : startFactor + (endFactor - startFactor) * epoch / totalIters;
  }
}
