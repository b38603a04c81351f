package dev.warpstep.unfused;

/**
 * One arithmetic operation a pass, each rounded: what optimizers written with arrays do, as those
 * of DJL, without the allocations.
 */
final class Elementary extends Primitives {
  @Override
  void addScaled(float[] y, float factor, float[] x, float[] scratch, int begin, int end) {
    multiply(scratch, factor, x, begin, end);
    add(y, scratch, begin, end);
  }

  @Override
  void decayAndAdd(float[] state, float factor, float[] x, int begin, int end) {
    multiply(state, factor, begin, end);
    add(state, x, begin, end);
  }

  @Override
  void average(float[] average, double decay, float[] x, float[] scratch, int begin, int end) {
    multiply(scratch, (float) (1 - decay), x, begin, end);
    multiply(average, (float) decay, begin, end);
    add(average, scratch, begin, end);
  }

  private static void multiply(float[] result, float factor, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      result[i] = factor * x[i];
    }
  }

  /** With the flush of a state: without it, denormal state would make every operation slow. */
  private static void multiply(float[] state, float factor, int begin, int end) {
    for (int i = begin; i < end; i++) {
      state[i] = flushed(factor * state[i]);
    }
  }

  private static void add(float[] y, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] += x[i];
    }
  }
}
