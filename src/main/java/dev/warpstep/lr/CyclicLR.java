package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.function.LongToDoubleFunction;

/**
 * Cycles the learning rate between two bounds, up and down linearly, and the momentum against it.
 *
 * <pre>
 *   cycle    = ⌊1 + epoch / (stepSizeUp + stepSizeDown)⌋
 *   h        = height above the lower bound, from 0 over 1 back to 0 in a cycle
 *   lr       = baseLr + (maxLr − baseLr) · h · scale
 *   momentum = maxMomentum − (maxMomentum − baseMomentum) · h · scale
 *   scale    = 1 (triangular), 2^(1 − cycle) (triangular2), gamma^epoch (exp_range)
 * </pre>
 *
 * <p>An epoch is a batch here. With Adam and AdamW the momentum is beta1.
 *
 * <p>Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, arXiv 1506.01186;
 * {@code torch.optim.lr_scheduler.CyclicLR}.
 */
public final class CyclicLR extends LRScheduler {
  private final double[] maxLrs;
  private final CycledMomentum momentum;
  private final double totalSize;
  private final double stepRatio;
  private final boolean scalesByCycle;
  private final LongToDoubleFunction scale;

  /** How the height of the cycles changes. */
  public enum Mode {
    /** It does not. */
    TRIANGULAR,
    /** It halves each cycle. */
    TRIANGULAR2,
    /** It is multiplied by gamma each epoch. */
    EXP_RANGE
  }

  private CyclicLR(Builder builder, CycledMomentum momentum) {
    super(builder.optimizer, momentum.hyperParameter());
    baseLrs(Arguments.perGroup(kind(), "baseLr", builder.optimizer, builder.baseLr));
    this.maxLrs = Arguments.perGroup(kind(), "maxLr", builder.optimizer, builder.maxLr);
    this.momentum = momentum;
    this.totalSize = (double) builder.stepSizeUp + builder.stepSizeDown();
    this.stepRatio = builder.stepSizeUp / totalSize;
    this.scalesByCycle = builder.scalesByCycle;
    this.scale = builder.scale;
    start();
  }

  /** A cycle with PyTorch's arguments: 2,000 epochs up and as many down, the momentum cycled. */
  public static Builder builder(Optimizer optimizer) {
    return new Builder(optimizer);
  }

  @Override
  double lr(int group, long epoch, double current) {
    return baseLr(group) + (maxLrs[group] - baseLr(group)) * height(epoch) * scale(epoch);
  }

  @Override
  double momentum(int group, long epoch) {
    double max = momentum.max(group);
    return max - (max - momentum.base(group)) * height(epoch) * scale(epoch);
  }

  private double height(long epoch) {
    double x = 1 + epoch / totalSize - cycle(epoch);
    return x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
  }

  private double scale(long epoch) {
    return scale.applyAsDouble(scalesByCycle ? cycle(epoch) : epoch);
  }

  private long cycle(long epoch) {
    return (long) Math.floor(1 + epoch / totalSize);
  }

  /** Settings of a {@link CyclicLR} to be built. */
  public static final class Builder {
    private static final String KIND = "CyclicLR";

    private final Optimizer optimizer;
    private double[] baseLr = {};
    private double[] maxLr = {};
    private long stepSizeUp = 2000;
    private long stepSizeDown = -1;
    private LongToDoubleFunction scale = cycle -> 1;
    private boolean scalesByCycle = true;
    private boolean cycleMomentum = true;
    private double[] baseMomentum = {0.8};
    private double[] maxMomentum = {0.9};

    private Builder(Optimizer optimizer) {
      this.optimizer = optimizer;
    }

    /** Lower bounds of the learning rate, at least 0, one for all groups or one for each. */
    public Builder baseLr(double... baseLrs) {
      this.baseLr = baseLrs.clone();
      return this;
    }

    /** Upper bounds of the learning rate, at least 0, one for all groups or one for each. */
    public Builder maxLr(double... maxLrs) {
      this.maxLr = maxLrs.clone();
      return this;
    }

    /**
     * Epochs of the rising part; and of the falling one, unless that is set.
     *
     * @throws IllegalArgumentException if it is not positive
     */
    public Builder stepSizeUp(long epochs) {
      this.stepSizeUp = Arguments.positive(KIND, "stepSizeUp", epochs);
      return this;
    }

    /**
     * Epochs of the falling part.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Builder stepSizeDown(long epochs) {
      Arguments.check(epochs >= 0, KIND, "stepSizeDown", "at least 0", epochs);
      this.stepSizeDown = epochs;
      return this;
    }

    private long stepSizeDown() {
      return stepSizeDown < 0 ? stepSizeUp : stepSizeDown;
    }

    /** How the height of the cycles changes; {@code EXP_RANGE} with a gamma of 1. */
    public Builder mode(Mode mode) {
      return mode(mode, 1);
    }

    /**
     * How the height of the cycles changes.
     *
     * @param gamma of {@code EXP_RANGE}, at least 0
     * @throws IllegalArgumentException if gamma is out of range
     */
    public Builder mode(Mode mode, double gamma) {
      Arguments.nonNegative(KIND, "gamma", gamma);
      return switch (mode) {
        case TRIANGULAR -> scaleByCycle(cycle -> 1);
        case TRIANGULAR2 -> scaleByCycle(cycle -> 1 / StrictMath.pow(2, cycle - 1.0));
        case EXP_RANGE -> scaleByEpoch(epoch -> StrictMath.pow(gamma, (double) epoch));
      };
    }

    /** Multiplies the height by a function, into [0, 1], of the number of the cycle, from 1 on. */
    public Builder scaleByCycle(LongToDoubleFunction function) {
      this.scale = function;
      this.scalesByCycle = true;
      return this;
    }

    /** Multiplies the height by a function, into [0, 1], of the epoch, from 0 on. */
    public Builder scaleByEpoch(LongToDoubleFunction function) {
      this.scale = function;
      this.scalesByCycle = false;
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
     * The schedule, at epoch 0.
     *
     * @throws IllegalArgumentException if a bound is missing or out of range, or there is another
     *     number of them
     */
    public CyclicLR build() {
      return new CyclicLR(
          this, new CycledMomentum(KIND, optimizer, cycleMomentum, baseMomentum, maxMomentum));
    }
  }
}
