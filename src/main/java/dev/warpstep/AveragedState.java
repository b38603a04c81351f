package dev.warpstep;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What {@link AveragedParameters} need to go on as if they had never stopped, as an independent
 * copy.
 *
 * @param decay of an exponential average, in [0, 1]; empty: the mean of all values. PyTorch's state
 *     does not have it
 * @param updates steps that were averaged, {@code n_averaged}, in [0, 2^53]
 * @param averages by parameter name; {@code module} in PyTorch
 */
public record AveragedState(OptionalDouble decay, long updates, Map<String, StateTensor> averages) {
  /** Up to here a double holds every count, and so does any file that stores one. */
  private static final long MOST_UPDATES = 1L << 53;

  /**
   * Copies the map.
   *
   * @throws IllegalArgumentException if the decay or the updates are out of range
   */
  public AveragedState {
    decay.ifPresent(AveragedState::checkDecay);
    if (updates < 0 || updates > MOST_UPDATES) {
      throw new IllegalArgumentException("updates must be in [0, 2^53], were " + updates);
    }
    averages = Collections.unmodifiableMap(new LinkedHashMap<>(averages));
  }

  static void checkDecay(double decay) {
    if (!(decay >= 0 && decay <= 1)) {
      throw new IllegalArgumentException("decay must be in [0, 1], was " + decay);
    }
  }
}
