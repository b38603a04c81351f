package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.List;
import java.util.Map;

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
  private static final String T_CUR = "T_cur";
  private static final String T_I = "T_i";

  /** Up to here a double holds every epoch. */
  private static final double LAST_EPOCH = 0x1p53;

  private final long t0;
  private final long tMult;
  private final double etaMin;
  private double tCur;
  private double tI;

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

  /**
   * Goes to any epoch, forwards or back, and sets the groups' learning rates to its: called with
   * {@code epoch + batch / batches} after each batch, the rate falls within epochs, too. A {@link
   * #step()} that follows goes one whole epoch further.
   *
   * @param epoch may have a fraction
   * @throws IllegalArgumentException if it is not in [0, 2^53]; nothing changes
   * @throws IllegalStateException as {@link #step()}
   */
  public void step(double epoch) {
    Arguments.check(epoch >= 0 && epoch <= LAST_EPOCH, kind(), "epoch", "in [0, 2^53]", epoch);
    atomically(() -> goTo(epoch));
  }

  private void goTo(double epoch) {
    tI = t0;
    tCur = epoch;
    if (tMult == 1) {
      tCur = epoch % t0;
    } else {
      for (; tCur >= tI; tI *= tMult) {
        tCur -= tI;
      }
    }
    apply((long) epoch, this::lr);
  }

  @Override
  void begin() {
    goTo(0);
  }

  @Override
  void advance() {
    tCur++;
    if (tCur >= tI) {
      tCur -= tI;
      tI *= tMult;
    }
    apply(lastEpoch() + 1, this::lr);
  }

  @Override
  double lr(int group, long epoch, double current) {
    return etaMin + (baseLr(group) - etaMin) * (1 + StrictMath.cos(Math.PI * tCur / tI)) / 2;
  }

  @Override
  void save(Map<String, List<Double>> values) {
    values.put(T_CUR, List.of(tCur));
    values.put(T_I, List.of(tI));
  }

  @Override
  void restore(SchedulerState state) {
    tCur = state.number(T_CUR);
    tI = state.number(T_I);
  }

  @Override
  boolean isValid(String name, double number) {
    if (name.equals(T_I)) {
      double wave = t0;
      while (tMult > 1 && wave < number) {
        wave *= tMult;
      }
      return number == wave;
    }
    return super.isValid(name, number);
  }
}
