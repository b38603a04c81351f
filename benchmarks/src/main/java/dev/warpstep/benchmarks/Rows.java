package dev.warpstep.benchmarks;

import java.util.Locale;
import java.util.Random;

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

  /** Not a power of two, so that equal values do not meet in equal places of a vector. */
  private static final int TILE_ELEMENTS = 65_521;

  private static final long SEED = 42;

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
    Random random = new Random(SEED);
    float[] tile = new float[TILE_ELEMENTS];
    for (int i = 0; i < tile.length; i++) {
      float sign = random.nextBoolean() ? 1 : -1;
      tile[i] = sign * magnitude * (0.5f + random.nextFloat());
    }
    return tile;
  }
}
