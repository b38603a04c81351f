package dev.warpstep.checkpoint.torch;

import dev.warpstep.StochasticRounding;
import dev.warpstep.checkpoint.CheckpointException;
import java.util.Optional;

/**
 * {@code stochastic_rounding}, an entry of the state dict that PyTorch has none of: it reads {@code
 * state} and {@code param_groups} and leaves others alone.
 */
final class RoundingEntry {
  static final String KEY = "stochastic_rounding";
  static final String SEED = "seed";
  static final String STEPS = "steps";

  private RoundingEntry() {}

  /**
   * @throws CheckpointException if the entry is of another kind
   */
  static Optional<StochasticRounding> read(Source source, PickleDict stateDict)
      throws CheckpointException {
    Optional<Object> entry = stateDict.get(KEY);
    if (entry.isEmpty()) {
      return Optional.empty();
    }
    if (entry.get() instanceof PickleDict dict
        && dict.get(SEED).orElse(PickleNone.NONE) instanceof Long seed
        && dict.get(STEPS).orElse(PickleNone.NONE) instanceof Long steps
        && steps >= 0
        && steps <= Limits.MOST_STEPS) {
      return Optional.of(new StochasticRounding(seed, steps));
    }
    throw source.refuse(KEY, "must have a seed, and steps in [0, 2^53]");
  }
}
