package dev.warpstep.lr;

import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import java.util.Optional;

/**
 * What a cycle does to the momentum, against the learning rate: beta1 where the optimizer has it.
 */
final class CycledMomentum {
  private final Optional<HyperParameter> hyperParameter;
  private final double[] bases;
  private final double[] maxima;

  /**
   * @param cycles whether it is cycled at all
   * @param base smallest, one for all groups or one for each
   * @param max largest, likewise
   */
  CycledMomentum(String kind, Optimizer optimizer, boolean cycles, double[] base, double[] max) {
    boolean beta1 = optimizer.defaults().containsKey(HyperParameter.BETA1);
    HyperParameter cycled = beta1 ? HyperParameter.BETA1 : HyperParameter.MOMENTUM;
    hyperParameter = cycles ? Optional.of(cycled) : Optional.empty();
    bases = Arguments.perGroup(kind, "baseMomentum", optimizer, base);
    maxima = Arguments.perGroup(kind, "maxMomentum", optimizer, max);
    for (int g = 0; beta1 && g < bases.length; g++) {
      Arguments.check(bases[g] < 1, kind, "baseMomentum", "below 1 to cycle beta1", bases[g]);
      Arguments.check(maxima[g] < 1, kind, "maxMomentum", "below 1 to cycle beta1", maxima[g]);
    }
  }

  /** Momentum or beta1; empty if it is left alone. */
  Optional<HyperParameter> hyperParameter() {
    return hyperParameter;
  }

  double base(int group) {
    return bases[group];
  }

  double max(int group) {
    return maxima[group];
  }
}
