package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * Anneals the learning rate from wherever it is to a fixed one, for averaging weights.
 *
 * <pre>
 *   lr = swaLr · a(epoch) + l · (1 − a(epoch))      l: so that the last epoch's lr is the present one
 *   a  = t or (1 − cos(π·t)) / 2                    t = min(1, epoch / annealEpochs)
 * </pre>
 *
 * <p>It starts at its first step: it may be made together with another schedule, and stepped when
 * that one is done. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
 * Generalization", UAI 2018, arXiv 1803.05407; {@code torch.optim.swa_utils.SWALR}.
 */
public final class SWALR extends LRScheduler {
  private final double[] swaLrs;
  private final long annealEpochs;
  private final AnnealStrategy annealStrategy;

  /** With PyTorch's arguments: a cosine over 10 epochs. */
  public SWALR(Optimizer optimizer, double swaLr) {
    this(optimizer, 10, AnnealStrategy.COS, swaLr);
  }

  /**
   * @param annealEpochs epochs of the annealing, at least 0
   * @param swaLrs the last learning rate, at least 0, one for all groups or one for each
   * @throws IllegalArgumentException if an argument is out of range
   */
  public SWALR(
      Optimizer optimizer, long annealEpochs, AnnealStrategy annealStrategy, double... swaLrs) {
    super(optimizer);
    Arguments.check(annealEpochs >= 0, kind(), "annealEpochs", "at least 0", annealEpochs);
    this.annealEpochs = annealEpochs;
    this.annealStrategy = annealStrategy;
    this.swaLrs = Arguments.perGroup(kind(), "swaLrs", optimizer, swaLrs);
    start();
  }

  @Override
  double lr(int group, long epoch, double current) {
    long step = annealEpochs == 0 ? Math.max(1, epoch) : epoch;
    double swaLr = swaLrs[group];
    double before = share(step - 1);
    double now = share(step);
    double start = before == 1 ? swaLr : (current - before * swaLr) / (1 - before);
    // Rounding can leave it below zero where a cosine comes from far above.
    return Math.max(0, swaLr * now + start * (1 - now));
  }

  private double share(long step) {
    double t = Math.clamp((double) step / Math.max(1, annealEpochs), 0, 1);
    return annealStrategy.anneal(0, 1, t);
  }
}
