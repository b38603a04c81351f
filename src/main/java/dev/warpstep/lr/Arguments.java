package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.Arrays;

/** Checks of arguments, with one form of message. */
final class Arguments {
  private Arguments() {}

  /**
   * @throws IllegalArgumentException if it does not hold: "StepLR: stepSize must be positive, was
   *     0"
   */
  static void check(boolean holds, String kind, String name, String range, Object value) {
    if (!holds) {
      throw new IllegalArgumentException(
          "%s: %s must be %s, was %s".formatted(kind, name, range, value));
    }
  }

  /** A length that must be positive. */
  static long positive(String kind, String name, long value) {
    check(value > 0, kind, name, "positive", value);
    return value;
  }

  /** A factor or rate that must be at least 0 and finite. */
  static double nonNegative(String kind, String name, double value) {
    check(value >= 0 && value <= Float.MAX_VALUE, kind, name, "in [0, 3.4e38]", value);
    return value;
  }

  /** A share, in [0, 1]. */
  static double share(String kind, String name, double value) {
    check(value >= 0 && value <= 1, kind, name, "in [0, 1]", value);
    return value;
  }

  /** One value for each group, of one for all or one for each. */
  static double[] perGroup(String kind, String name, Optimizer optimizer, double... values) {
    int groups = optimizer.paramGroups().size();
    checkPerGroup(kind, name, groups, values.length);
    for (double value : values) {
      nonNegative(kind, name, value);
    }
    double[] all = Arrays.copyOf(values, groups);
    if (values.length == 1) {
      Arrays.fill(all, values[0]);
    }
    return all;
  }

  /** Checks that there is one value for all groups, or one for each. */
  static void checkPerGroup(String kind, String name, int groups, int count) {
    check(
        count == 1 || count == groups,
        kind,
        name,
        "one value or one for each of the %d param groups".formatted(groups),
        count + " values");
  }
}
