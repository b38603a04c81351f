package dev.warpstep;

/**
 * Where an optimizer keeps the bits of 16-bit parameters that their own type lacks. Without them an
 * update smaller than the spacing of the type, 0.4 % of a bf16 value, is lost.
 */
public enum MasterWeights {
  /**
   * Nowhere: parameters are updated as they are, as PyTorch does. Meant to go with {@linkplain
   * Optimizer.Builder#stochasticRounding stochastic rounding}.
   */
  NONE,

  /** In fp32 values of the optimizer, 4 bytes a parameter; the parameter is a rounded copy. */
  FLOAT32,

  /**
   * In 16 bits beside each bf16 parameter, 2 bytes a parameter; both together are exactly the fp32
   * value that {@link #FLOAT32} would keep. Of two bf16 neighbours equally near, the parameter is
   * the one further from zero.
   */
  REMAINDER
}
