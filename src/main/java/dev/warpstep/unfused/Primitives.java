package dev.warpstep.unfused;

/**
 * One operation on a range of tensors, in one pass over memory. C2 turns each loop into vector
 * code, which it does only where all arrays are indexed alike.
 */
abstract sealed class Primitives permits Compound, Elementary {
  /**
   * y = y + factor·x.
   *
   * @param scratch overwritten where one pass cannot do it
   */
  abstract void addScaled(float[] y, float factor, float[] x, float[] scratch, int begin, int end);

  /** state = factor·state + x, small values flushed. */
  abstract void decayAndAdd(float[] state, float factor, float[] x, int begin, int end);

  /**
   * average = decay·average + (1 − decay)·x, small values flushed.
   *
   * @param scratch overwritten where one pass cannot do it
   */
  abstract void average(
      float[] average, double decay, float[] x, float[] scratch, int begin, int end);

  /** y = factor·y. */
  final void scale(float[] y, float factor, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] *= factor;
    }
  }

  /** Σx², in eight sums that C2 can keep in one vector. */
  final double sumOfSquares(float[] x, int begin, int end) {
    double[] sums = new double[8];
    int i = begin;
    for (; i + 8 <= end; i += 8) {
      for (int lane = 0; lane < 8; lane++) {
        double value = x[i + lane];
        sums[lane] += value * value;
      }
    }
    double sum = 0;
    for (; i < end; i++) {
      sum += (double) x[i] * x[i];
    }
    for (double lane : sums) {
      sum += lane;
    }
    return sum;
  }

  /** result = x². */
  final void square(float[] result, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      result[i] = x[i] * x[i];
    }
  }

  /** result = √x. */
  final void squareRoot(float[] result, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      result[i] = (float) Math.sqrt(x[i]);
    }
  }

  /** y = y + term. */
  final void add(float[] y, float term, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] += term;
    }
  }

  /** y = x / y. */
  final void divideInto(float[] y, float[] x, int begin, int end) {
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
