package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Values;
import java.util.Locale;

/** What the gradients of all rows are like, and with them, after a while, the state. */
public enum Rows {
  /** Magnitudes around 1e-2, as in training. */
  NORMAL(1e-2f),
  /** An embedding's rows that no batch contains: zero gradient, state decayed to nothing. */
  ZERO(0),
  /** Squares vanish, so that the second moment is zero and the first is not. */
  TINY(1e-25f),
  /** Squares are denormal numbers, which processors compute slowly. */
  DENORMAL_SQUARES(1e-20f);

  private final float magnitude;

  Rows(float magnitude) {
    this.magnitude = magnitude;
  }

  /** For example {@code denormal_squares}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Gradients to be repeated, of either sign, up to half larger or smaller than the magnitude. */
  float[] tile() {
    return Values.tile(magnitude);
  }
}
