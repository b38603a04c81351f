package dev.warpstep.cli.selfcheck;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Two blocks' contents: parameters at first, and the gradients of each step. */
final class Inputs {
  private static final float[] SPECIAL = {
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MAX_VALUE,
    Float.MIN_VALUE,
    Float.MIN_NORMAL,
    -Float.MIN_NORMAL,
    Math.nextDown(Float.MIN_NORMAL)
  };

  private final float[] parameters;
  private final List<float[]> gradients = new ArrayList<>();

  Inputs(long seed, int length, int steps) {
    SplittableRandom random = new SplittableRandom(seed);
    parameters = block(random, length);
    for (int step = 0; step < steps; step++) {
      gradients.add(block(random, length));
    }
  }

  float[] parameters() {
    return parameters;
  }

  /** Gradients of a step, counted from 1. */
  float[] gradients(int step) {
    return gradients.get(step - 1);
  }

  int steps() {
    return gradients.size();
  }

  private static float[] block(SplittableRandom random, int length) {
    float[] block = new float[length];
    for (int i = 0; i < length; i++) {
      block[i] = any(random);
    }
    return block;
  }

  /**
   * Of 64 values: 1 special, 4 any pattern of 32 bits, 3 near the smallest normal number and 2 near
   * its root, where flushing begins, 6 zeros; all others 1e-12 to 1e6.
   */
  private static float any(SplittableRandom random) {
    long bits = random.nextLong();
    int kind = (int) (bits >>> 58);
    int exponent = (int) (bits >>> 32 & 0xFFFF);
    if (kind == 0) {
      return SPECIAL[exponent % SPECIAL.length];
    } else if (kind < 5) {
      return Float.intBitsToFloat((int) bits);
    } else if (kind < 8) {
      return scaled((int) bits, -129 + exponent % 6);
    } else if (kind < 10) {
      return scaled((int) bits, -65 + exponent % 8);
    } else if (kind < 16) {
      return (int) bits < 0 ? -0.0f : 0.0f;
    }
    return scaled((int) bits, -40 + exponent % 60);
  }

  /** Sign and mantissa of the bits, in [2^exponent, 2^(exponent + 1)). */
  private static float scaled(int bits, int exponent) {
    return Math.scalb(Float.intBitsToFloat(0x3F800000 | (bits & 0x807FFFFF)), exponent);
  }
}
