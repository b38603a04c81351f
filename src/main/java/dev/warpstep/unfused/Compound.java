package dev.warpstep.unfused;

/**
 * What one pass can multiply and add at once is one pass, as in the functions {@code lerp} and
 * {@code add(alpha=...)} of PyTorch or {@code axpy} of BLAS, and is rounded once.
 */
final class Compound extends Primitives {
  @Override
  void addScaled(float[] y, float factor, float[] x, float[] scratch, int begin, int end) {
    for (int i = begin; i < end; i++) {
      y[i] = Math.fma(factor, x[i], y[i]);
    }
  }

  @Override
  void decayAndAdd(float[] state, float factor, float[] x, int begin, int end) {
    for (int i = begin; i < end; i++) {
      state[i] = flushed(Math.fma(factor, state[i], x[i]));
    }
  }

  /** Written from the end it stays closer to, as {@code torch.lerp} does. */
  @Override
  void average(float[] average, double decay, float[] x, float[] scratch, int begin, int end) {
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
}
