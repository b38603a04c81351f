package dev.warpstep.unfused;

/**
 * One operation on a range of tensors, in one pass over memory. C2 turns each loop into vector
 * code, which it does only where all arrays are indexed alike.
 */
final class Primitives {
  private Primitives() {}

  /** y = y + factor·x, rounded once. */
  static void addScaled(float[] y, float factor, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] = Math.fma(factor, x[i], y[i]);
    }
  }

  /** state = factor·state + x, rounded once, small values flushed. */
  static void decayAndAdd(float[] state, float factor, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      state[i] = flushed(Math.fma(factor, state[i], x[i]));
    }
  }

  /**
   * average = decay·average + (1 − decay)·x, written from the end it stays closer to, as {@code
   * torch.lerp} does; small values flushed.
   */
  static void average(float[] average, double decay, float[] x, int begin, int end) {
    double weight = 1 - decay;
    if (weight < 0.5) {
      float factor = (float) weight;
      for (int i = begin; i < end; i++) {
        average[i] = flushed(Math.fma(factor, x[i] - average[i], average[i]));
      }
    } else {
      float factor = (float) -decay;
      for (int i = begin; i < end; i++) {
        average[i] = flushed(Math.fma(factor, x[i] - average[i], x[i]));
      }
    }
  }

  /** result = x². */
  static void square(float[] result, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      result[i] = x[i] * x[i];
    }
  }

  /** result = √x. */
  static void squareRoot(float[] result, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      result[i] = (float) Math.sqrt(x[i]);
    }
  }

  /** y = y + term. */
  static void add(float[] y, float term, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] += term;
    }
  }

  /** y = x / y. */
  static void divideInto(float[] y, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] = x[i] / y[i];
    }
  }

  /**
   * Zero for a value below the smallest normal number, which 2^126 scales to 1. C2 does not
   * vectorise a comparison and selection: that loop is six times slower than one without flushing,
   * this one two times, in the cache, and not at all slower from main memory.
   */
  static float flushed(float state) {
    int keep = (int) Math.min(1f, Math.abs(state) * 0x1p126f);
    return Math.fma(state, (float) keep, 0f);
  }
}
