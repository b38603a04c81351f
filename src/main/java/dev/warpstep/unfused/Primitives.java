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

  /** Σx², in four sums that do not wait for each other. */
  final double sumOfSquares(float[] x, int begin, int end) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    int i = begin;
    for (; i + 4 <= end; i += 4) {
      sum0 += (double) x[i] * x[i];
      sum1 += (double) x[i + 1] * x[i + 1];
      sum2 += (double) x[i + 2] * x[i + 2];
      sum3 += (double) x[i + 3] * x[i + 3];
    }
    for (; i < end; i++) {
      sum0 += (double) x[i] * x[i];
    }
    return sum0 + sum1 + sum2 + sum3;
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
