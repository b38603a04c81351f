package dev.warpstep.lr;

/** How a value goes from one to another; t goes from 0 to 1. */
public enum AnnealStrategy {
  /** {@code end + (start − end) / 2 · (1 + cos(π·t))}. */
  COS {
    @Override
    double anneal(double start, double end, double t) {
      return end + (start - end) / 2 * (1 + StrictMath.cos(Math.PI * t));
    }
  },
  /** {@code start + (end − start) · t}. */
  LINEAR {
    @Override
    double anneal(double start, double end, double t) {
      return (end - start) * t + start;
    }
  };

  abstract double anneal(double start, double end, double t);
}
