package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Anneals the learning rate by half cosine waves, each starting from the initial learning rate and
 * {@code tMult} times as long as the one before.
 *
 * <pre>
 *   lr = etaMin + (initial lr − etaMin) · (1 + cos(π · tCur / tI)) / 2
 * </pre>
 *
 * <p>tCur is the number of epochs since the last restart, tI that between the restarts around it.
 *
 * <p>Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
 * arXiv 1608.03983; {@code torch.optim.lr_scheduler.CosineAnnealingWarmRestarts}.
 */
public final class CosineAnnealingWarmRestarts extends LRScheduler {
  private final long t0;
  private final long tMult;
  private final double etaMin;

  /** Waves of equal length, down to zero. */
  public CosineAnnealingWarmRestarts(Optimizer optimizer, long t0) {
    this(optimizer, t0, 1, 0);
  }

  /**
   * @param t0 epochs until the first restart, at least 1
   * @param tMult by how much each wave is longer, at least 1
   * @param etaMin smallest learning rate, at least 0
   * @throws IllegalArgumentException if an argument is out of range
   */
  public CosineAnnealingWarmRestarts(Optimizer optimizer, long t0, long tMult, double etaMin) {
    super(optimizer);
    this.t0 = Arguments.positive(kind(), "t0", t0);
    this.tMult = Arguments.positive(kind(), "tMult", tMult);
    this.etaMin = Arguments.nonNegative(kind(), "etaMin", etaMin);
    start();
  }

  @Override
  double lr(int group, long epoch, double current) {
    double tI = t0;
    double tCur = epoch;
    if (tMult == 1) {
      tCur = epoch % t0;
    } else {
      for (; tCur >= tI; tI *= tMult) {
        tCur -= tI;
      }
    }
    return etaMin + (baseLr(group) - etaMin) * (1 + StrictMath.cos(Math.PI * tCur / tI)) / 2;
  }
}
