package dev.warpstep.cli.bench;

import java.util.Arrays;

/** Measured values, sorted; an outlier on a busy machine moves a median little. */
public final class Samples {
  private final double[] sorted;

  /** Copies the values; at least one. */
  public Samples(double[] values) {
    sorted = values.clone();
    Arrays.sort(sorted);
  }

  /** The value in the middle. */
  public double median() {
    return quantile(0.5);
  }

  /** The value below which a share of the samples lies, 0 to 1. */
  public double quantile(double share) {
    return sorted[(int) Math.round(share * (sorted.length - 1))];
  }

  /** How many values there are. */
  public int count() {
    return sorted.length;
  }
}
