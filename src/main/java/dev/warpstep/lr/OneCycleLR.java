package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.Arrays;

/**
 * One cycle: the learning rate rises to a maximum and then anneals to nearly nothing, the momentum
 * against it.
 *
 * <pre>
 *   from epoch                             lr                   momentum
 *   0                                      maxLr / divFactor    maxMomentum
 *   pctStart·totalSteps − 1                maxLr                baseMomentum
 *   three phases: 2·pctStart·totalSteps − 2
 *                                          maxLr / divFactor    maxMomentum
 *   totalSteps − 1                         maxLr / divFactor / finalDivFactor
 *                                                               maxMomentum
 * </pre>
 *
 * <p>Between two rows both anneal. An epoch is a batch here; it may be stepped {@code totalSteps}
 * times, and the last time changes nothing. With Adam and AdamW the momentum is beta1.
 *
 * <p>Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
 * Learning Rates", arXiv 1708.07120, in two phases as fastai does it; {@code
 * torch.optim.lr_scheduler.OneCycleLR}.
 */
public final class OneCycleLR extends LRScheduler {
  private final long totalSteps;
  private final double firstEnd;
  private final double secondEnd;
  private final AnnealStrategy annealStrategy;
  private final double[] maxLrs;
  private final double finalDivFactor;
  private final CycledMomentum momentum;

  private OneCycleLR(Builder builder, CycledMomentum momentum) {
    super(builder.optimizer, momentum.hyperParameter());
    this.totalSteps = builder.totalSteps;
    this.firstEnd = builder.pctStart * totalSteps - 1;
    this.secondEnd = builder.threePhase ? 2 * builder.pctStart * totalSteps - 2 : totalSteps - 1.0;
    Arguments.check(firstEnd != 0, kind(), "pctStart·totalSteps", "other than 1", firstEnd + 1);
    this.annealStrategy = builder.annealStrategy;
    this.maxLrs = Arguments.perGroup(kind(), "maxLr", builder.optimizer, builder.maxLr);
    this.finalDivFactor = builder.finalDivFactor;
    this.momentum = momentum;
    baseLrs(Arrays.stream(maxLrs).map(lr -> lr / builder.divFactor).toArray());
    start();
    for (int g = 0; g < maxLrs.length; g++) {
      groups().get(g).initialLr(baseLr(g));
    }
  }

  /**
   * A cycle with PyTorch's arguments: a cosine, in two phases, the momentum cycled.
   *
   * @param totalSteps length of the cycle in epochs, at least 1
   * @param maxLrs upper bounds of the learning rate, at least 0, one for all groups or one for each
   * @throws IllegalArgumentException if an argument is out of range
   */
  public static Builder builder(Optimizer optimizer, long totalSteps, double... maxLrs) {
    return new Builder(optimizer, totalSteps, maxLrs);
  }

  @Override
  void advance() {
    if (lastEpoch() >= totalSteps) {
      throw new IllegalStateException(
          "%s: must be stepped at most totalSteps = %d times, was stepped %d times"
              .formatted(kind(), totalSteps, lastEpoch() + 1));
    }
    super.advance();
  }

  @Override
  double lr(int group, long epoch, double current) {
    double initial = baseLr(group);
    double max = maxLrs[group];
    return anneal(epoch, initial, max, initial, initial / finalDivFactor);
  }

  @Override
  double momentum(int group, long epoch) {
    double max = momentum.max(group);
    return anneal(epoch, max, momentum.base(group), max, max);
  }

  /** Of the phases' ends; the third one is passed over if there are two phases. */
  private double anneal(long epoch, double start, double peak, double middle, double end) {
    double last = totalSteps - 1.0;
    if (epoch <= firstEnd) {
      return annealStrategy.anneal(start, peak, epoch / firstEnd);
    }
    if (secondEnd == last) {
      return annealStrategy.anneal(peak, end, share(epoch, firstEnd, last));
    }
    return epoch <= secondEnd
        ? annealStrategy.anneal(peak, middle, share(epoch, firstEnd, secondEnd))
        : annealStrategy.anneal(middle, end, share(epoch, secondEnd, last));
  }

  /** Beyond the end it stays at the end. */
  private static double share(long epoch, double start, double end) {
    return epoch >= end ? 1 : (epoch - start) / (end - start);
  }

  /** Settings of a {@link OneCycleLR} to be built. */
  public static final class Builder {
    private static final String KIND = "OneCycleLR";

    private final Optimizer optimizer;
    private final long totalSteps;
    private final double[] maxLr;
    private double pctStart = 0.3;
    private AnnealStrategy annealStrategy = AnnealStrategy.COS;
    private boolean cycleMomentum = true;
    private double[] baseMomentum = {0.85};
    private double[] maxMomentum = {0.95};
    private double divFactor = 25;
    private double finalDivFactor = 1e4;
    private boolean threePhase;

    private Builder(Optimizer optimizer, long totalSteps, double... maxLr) {
      this.optimizer = optimizer;
      this.totalSteps = Arguments.positive(KIND, "totalSteps", totalSteps);
      this.maxLr = maxLr.clone();
    }

    /**
     * Share of the cycle in which the learning rate rises.
     *
     * @throws IllegalArgumentException if it is not in [0, 1]
     */
    public Builder pctStart(double share) {
      this.pctStart = Arguments.share(KIND, "pctStart", share);
      return this;
    }

    /** How values go from one to the next. */
    public Builder annealStrategy(AnnealStrategy strategy) {
      this.annealStrategy = strategy;
      return this;
    }

    /** Whether the momentum is cycled too. */
    public Builder cycleMomentum(boolean cycle) {
      this.cycleMomentum = cycle;
      return this;
    }

    /** Lower bounds of the momentum, one for all groups or one for each; below 1 for a beta1. */
    public Builder baseMomentum(double... baseMomentums) {
      this.baseMomentum = baseMomentums.clone();
      return this;
    }

    /** Upper bounds of the momentum, one for all groups or one for each; below 1 for a beta1. */
    public Builder maxMomentum(double... maxMomentums) {
      this.maxMomentum = maxMomentums.clone();
      return this;
    }

    /**
     * By what the maximum is divided for the first learning rate.
     *
     * @throws IllegalArgumentException if it is not positive and finite
     */
    public Builder divFactor(double factor) {
      this.divFactor = positive("divFactor", factor);
      return this;
    }

    /**
     * By what the first learning rate is divided for the last.
     *
     * @throws IllegalArgumentException if it is not positive and finite
     */
    public Builder finalDivFactor(double factor) {
      this.finalDivFactor = positive("finalDivFactor", factor);
      return this;
    }

    /** Whether to fall as symmetrically as it rose, and to anneal to the last value after that. */
    public Builder threePhase(boolean three) {
      this.threePhase = three;
      return this;
    }

    /**
     * The schedule, at epoch 0.
     *
     * @throws IllegalArgumentException if a bound is out of range, or there is another number of
     *     them, or a phase has no length
     */
    public OneCycleLR build() {
      return new OneCycleLR(
          this, new CycledMomentum(KIND, optimizer, cycleMomentum, baseMomentum, maxMomentum));
    }

    private static double positive(String name, double value) {
      Arguments.check(
          value > 0 && value <= Float.MAX_VALUE, KIND, name, "positive and finite", value);
      return value;
    }
  }
}
