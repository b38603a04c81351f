package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import java.util.List;
import java.util.Map;

/**
 * Reduces the learning rate when a metric has stopped improving.
 *
 * <pre>
 *   better: metric &lt; best·(1 − threshold)         ABS: metric &lt; best − threshold
 *   MAX:    metric &gt; best·(1 + threshold)         ABS: metric &gt; best + threshold
 *   after more than patience epochs in a row that are not better: lr = max(lr · factor, minLr)
 * </pre>
 *
 * <p>{@code cooldown} epochs after a reduction are not counted. A metric that is NaN is not better.
 * {@code torch.optim.lr_scheduler.ReduceLROnPlateau}.
 */
public final class ReduceLROnPlateau extends LRScheduler {
  private static final String BEST = "best";
  private static final String BAD_EPOCHS = "num_bad_epochs";
  private static final String COOLDOWN = "cooldown_counter";

  private final Mode mode;
  private final double factor;
  private final long patience;
  private final double threshold;
  private final ThresholdMode thresholdMode;
  private final long cooldown;
  private final double[] minLrs;
  private final double eps;
  private double best;
  private long badEpochs;
  private long cooldownCounter;

  /** Which metric is better. */
  public enum Mode {
    /** The smaller one, as of losses. */
    MIN,
    /** The larger one, as of accuracies. */
    MAX
  }

  /** What the threshold of an improvement is measured in. */
  public enum ThresholdMode {
    /** Shares of the best metric. */
    REL,
    /** Units of the metric. */
    ABS
  }

  private ReduceLROnPlateau(Builder builder) {
    super(builder.optimizer);
    mode = builder.mode;
    factor = builder.factor;
    patience = builder.patience;
    threshold = builder.threshold;
    thresholdMode = builder.thresholdMode;
    cooldown = builder.cooldown;
    minLrs = Arguments.perGroup(kind(), "minLr", builder.optimizer, builder.minLr);
    eps = builder.eps;
    best = mode == Mode.MIN ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
    start();
  }

  /**
   * A schedule with PyTorch's arguments: a tenth after 10 epochs without a smaller metric, by a
   * relative 1e-4.
   */
  public static Builder builder(Optimizer optimizer) {
    return new Builder(optimizer);
  }

  /**
   * Goes to the next epoch, and reduces the learning rates if it is time to.
   *
   * @param metric of the epoch that is over
   * @throws IllegalStateException if the optimizer is closed, or its groups are not those the
   *     schedule was made for; nothing changes
   */
  public void step(double metric) {
    atomically(() -> advance(metric));
  }

  /**
   * Not here: there is no step without a metric.
   *
   * @throws UnsupportedOperationException always
   */
  @Override
  public void step() {
    throw new UnsupportedOperationException(kind() + ": step needs a metric");
  }

  private void advance(double metric) {
    if (isBetter(metric)) {
      best = metric;
      badEpochs = 0;
    } else {
      badEpochs++;
    }
    if (cooldownCounter > 0) {
      cooldownCounter--;
      badEpochs = 0;
    }
    if (badEpochs > patience) {
      for (int g = 0; g < minLrs.length; g++) {
        reduce(groups().get(g), minLrs[g]);
      }
      cooldownCounter = cooldown;
      badEpochs = 0;
    }
    reached(lastEpoch() + 1);
  }

  private boolean isBetter(double metric) {
    double margin = thresholdMode == ThresholdMode.ABS ? threshold : 0;
    double share = thresholdMode == ThresholdMode.REL ? threshold : 0;
    return mode == Mode.MIN
        ? metric < best * (1 - share) - margin
        : metric > best * (1 + share) + margin;
  }

  private void reduce(ParamGroup group, double minLr) {
    double reduced = Math.max(group.lr() * factor, minLr);
    if (group.lr() - reduced > eps) {
      group.lr(reduced);
    }
  }

  @Override
  double lr(int group, long epoch, double current) {
    return current;
  }

  @Override
  void save(Map<String, List<Double>> values) {
    values.put(BEST, List.of(best));
    values.put(BAD_EPOCHS, List.of((double) badEpochs));
    values.put(COOLDOWN, List.of((double) cooldownCounter));
  }

  @Override
  void restore(SchedulerState state) {
    best = state.number(BEST);
    badEpochs = (long) state.number(BAD_EPOCHS);
    cooldownCounter = (long) state.number(COOLDOWN);
  }

  @Override
  boolean isValid(String name, double number) {
    return switch (name) {
      case BEST -> !Double.isNaN(number);
      case BAD_EPOCHS, COOLDOWN -> number >= 0 && number == Math.rint(number);
      default -> super.isValid(name, number);
    };
  }

  /** Settings of a {@link ReduceLROnPlateau} to be built. */
  public static final class Builder {
    private static final String KIND = "ReduceLROnPlateau";

    private final Optimizer optimizer;
    private Mode mode = Mode.MIN;
    private double factor = 0.1;
    private long patience = 10;
    private double threshold = 1e-4;
    private ThresholdMode thresholdMode = ThresholdMode.REL;
    private long cooldown;
    private double[] minLr = {0};
    private double eps = 1e-8;

    private Builder(Optimizer optimizer) {
      this.optimizer = optimizer;
    }

    /** Which metric is better. */
    public Builder mode(Mode which) {
      this.mode = which;
      return this;
    }

    /**
     * By what a reduction multiplies the learning rate.
     *
     * @throws IllegalArgumentException if it is not in [0, 1)
     */
    public Builder factor(double reduction) {
      Arguments.check(reduction >= 0 && reduction < 1, KIND, "factor", "in [0, 1)", reduction);
      this.factor = reduction;
      return this;
    }

    /**
     * Epochs in a row without improvement that are borne.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Builder patience(long epochs) {
      Arguments.check(epochs >= 0, KIND, "patience", "at least 0", epochs);
      this.patience = epochs;
      return this;
    }

    /**
     * What an improvement must exceed.
     *
     * @throws IllegalArgumentException if it is negative or not finite
     */
    public Builder threshold(double value, ThresholdMode unit) {
      this.threshold = Arguments.nonNegative(KIND, "threshold", value);
      this.thresholdMode = unit;
      return this;
    }

    /**
     * Epochs after a reduction that are not counted.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Builder cooldown(long epochs) {
      Arguments.check(epochs >= 0, KIND, "cooldown", "at least 0", epochs);
      this.cooldown = epochs;
      return this;
    }

    /** Smallest learning rates, at least 0, one for all groups or one for each. */
    public Builder minLr(double... minLrs) {
      this.minLr = minLrs.clone();
      return this;
    }

    /**
     * A reduction by less than this is not made.
     *
     * @throws IllegalArgumentException if it is negative or not finite
     */
    public Builder eps(double smallest) {
      this.eps = Arguments.nonNegative(KIND, "eps", smallest);
      return this;
    }

    /**
     * The schedule, before its first epoch.
     *
     * @throws IllegalArgumentException if a {@code minLr} is out of range, or there is another
     *     number of them
     */
    public ReduceLROnPlateau build() {
      return new ReduceLROnPlateau(this);
    }
  }
}
