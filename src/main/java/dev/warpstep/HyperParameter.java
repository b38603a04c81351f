package dev.warpstep;

import java.util.Locale;

/**
 * The settings an update rule can have. Every value is a double; switches are 0 or 1. The names in
 * lower case are PyTorch's, with {@code betas} split in two.
 */
public enum HyperParameter {
  /** Learning rate, [0, ∞). */
  LR(Range.NON_NEGATIVE),
  /** Factor of the momentum buffer, [0, ∞). */
  MOMENTUM(Range.NON_NEGATIVE),
  /** Share of the gradient kept out of the momentum buffer, any finite value. */
  DAMPENING(Range.FINITE),
  /** L2 penalty, or decoupled decay, [0, ∞). */
  WEIGHT_DECAY(Range.NON_NEGATIVE),
  /** Nesterov's momentum, a switch. */
  NESTEROV(Range.SWITCH),
  /** Decay of RMSprop's averages, [0, 1). */
  ALPHA(Range.DECAY),
  /** Added to the denominator, [0, ∞). */
  EPS(Range.NON_NEGATIVE),
  /** RMSprop's subtraction of the squared mean gradient, a switch. */
  CENTERED(Range.SWITCH),
  /** Decay of the first moment, [0, 1). */
  BETA1(Range.DECAY),
  /** Decay of the second moment, [0, 1). */
  BETA2(Range.DECAY),
  /** Division by the largest second moment so far, a switch. */
  AMSGRAD(Range.SWITCH),
  /** Ascent instead of descent, a switch. */
  MAXIMIZE(Range.SWITCH),
  /** Weight decay that bypasses the moments, a switch that the optimizer's class decides. */
  DECOUPLED_WEIGHT_DECAY(Range.SWITCH);

  private enum Range {
    NON_NEGATIVE("a number in [0, 3.4e38]") {
      @Override
      boolean contains(double value) {
        return value >= 0 && value <= Float.MAX_VALUE;
      }
    },
    FINITE("a number in [-3.4e38, 3.4e38]") {
      @Override
      boolean contains(double value) {
        return Math.abs(value) <= Float.MAX_VALUE;
      }
    },
    DECAY("in [0, 1)") {
      @Override
      boolean contains(double value) {
        return value >= 0 && value < 1;
      }
    },
    SWITCH("0 or 1") {
      @Override
      boolean contains(double value) {
        return value == 0 || value == 1;
      }
    };

    final String rule;

    Range(String rule) {
      this.rule = rule;
    }

    abstract boolean contains(double value);
  }

  private final Range range;

  HyperParameter(Range range) {
    this.range = range;
  }

  /** PyTorch's name, for example {@code weight_decay}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * @throws IllegalArgumentException if the value is out of range, NaN or infinite; names the
   *     optimizer, the hyper-parameter, its range and the value
   */
  void check(String optimizer, double value) {
    if (!range.contains(value)) {
      throw new IllegalArgumentException(
          "%s: %s must be %s, was %s".formatted(optimizer, key(), range.rule, value));
    }
  }

  /** The constant with a {@link #key()}. */
  static HyperParameter ofKey(String key) {
    return valueOf(key.toUpperCase(Locale.ROOT));
  }
}
