package dev.warpstep;

/**
 * Where the random numbers of stochastic rounding come from. They are a function of seed, step,
 * tensor and element, so that a run which continues from here rounds as if it had never stopped.
 *
 * @param seed any number
 * @param steps that were applied so far, 0 or more
 */
public record StochasticRounding(long seed, long steps) {
  /**
   * @throws IllegalArgumentException if the steps are negative
   */
  public StochasticRounding {
    if (steps < 0) {
      throw new IllegalArgumentException("steps must not be negative, were " + steps);
    }
  }
}
