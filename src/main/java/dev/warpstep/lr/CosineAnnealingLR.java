package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Anneals the learning rate by half a cosine wave; after {@code tMax} epochs it rises again.
 *
 * <pre>
 *   lr = etaMin + (initial lr − etaMin) · (1 + cos(π · epoch / tMax)) / 2
 * </pre>
 *
 * <p>Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
 * arXiv 1608.03983, without restarts; {@code torch.optim.lr_scheduler.CosineAnnealingLR}.
 */
public final class CosineAnnealingLR extends FactorLR {
  private final long tMax;

  /** Down to zero. */
  public CosineAnnealingLR(Optimizer optimizer, long tMax) {
    this(optimizer, tMax, 0);
  }

  /**
   * @param tMax epochs of half a wave, at least 1
   * @param etaMin smallest learning rate, at least 0
   * @throws IllegalArgumentException if an argument is out of range
   */
  public CosineAnnealingLR(Optimizer optimizer, long tMax, double etaMin) {
    super(optimizer, Arguments.nonNegative("CosineAnnealingLR", "etaMin", etaMin));
    this.tMax = Arguments.positive(kind(), "tMax", tMax);
    start();
  }

  @Override
  double factor(long epoch) {
    return (1 + StrictMath.cos(Math.PI * epoch / tMax)) / 2;
  }
}
