package dev.warpstep;

import dev.warpstep.backend.ElementType;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * How an optimizer keeps what it computes in fp32 of parameters and their state.
 *
 * @param masterWeights of 16-bit parameters that do not come with their own
 * @param stateDtype of the state of all parameters but fp64 ones
 * @param seed of stochastic rounding, or empty to round to nearest
 */
record Precision(MasterWeights masterWeights, DType stateDtype, OptionalLong seed) {
  /** What PyTorch does, but with state in fp32. */
  static final Precision DEFAULT =
      new Precision(MasterWeights.NONE, DType.FLOAT32, OptionalLong.empty());

  Precision {
    Objects.requireNonNull(masterWeights, "masterWeights");
    if (stateDtype.isDouble()) {
      throw new IllegalArgumentException(
          "stateDtype must be FLOAT32, BFLOAT16 or FLOAT16, was FLOAT64; parameters of FLOAT64 have"
              + " FLOAT64 state in any case");
    }
  }

  /**
   * @throws IllegalArgumentException if a parameter cannot be kept so; names both types
   */
  void check(Parameter parameter) {
    if (masterWeights == MasterWeights.REMAINDER
        && parameter.dtype() == DType.FLOAT16
        && !parameter.hasMaster()) {
      throw new IllegalArgumentException(
          "master weights as REMAINDER must go with BFLOAT16 parameters, %s was FLOAT16"
              .formatted(parameter));
    }
  }

  /** Whether a parameter has master weights. */
  boolean keepsMaster(Parameter parameter) {
    return parameter.hasMaster()
        || (parameter.dtype().isHalf() && masterWeights != MasterWeights.NONE);
  }

  /** Type of a parameter's state. */
  DType stateDtype(Parameter parameter) {
    return parameter.dtype().isDouble() ? DType.FLOAT64 : stateDtype;
  }

  /** Type of a parameter's average. */
  static ElementType averageType(Parameter parameter) {
    return parameter.dtype().isDouble() ? ElementType.FLOAT64 : ElementType.FLOAT32;
  }

  /** Whether anything of a parameter is rounded stochastically. */
  boolean isStochastic(Parameter parameter) {
    return seed.isPresent() && (parameter.dtype().isHalf() || stateDtype(parameter).isHalf());
  }
}
