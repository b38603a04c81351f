package dev.warpstep.checkpoint;

import dev.warpstep.StateTensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What an average of parameters needs to go on.
 *
 * @param decay of an exponential average, in [0, 1]; empty for the mean
 * @param updates that were averaged so far, 0 to 2^53
 * @param tensors averages by parameter name
 */
public record AverageState(OptionalDouble decay, long updates, Map<String, StateTensor> tensors) {
  /**
   * Copies the map.
   *
   * @throws IllegalArgumentException if a number is out of its range
   */
  public AverageState {
    if (decay.isPresent() && !(decay.getAsDouble() >= 0 && decay.getAsDouble() <= 1)) {
      throw new IllegalArgumentException("decay must be in [0, 1], was " + decay.getAsDouble());
    }
    Counts.check("updates", updates);
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }
}
