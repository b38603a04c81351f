package dev.warpstep;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/**
 * A copy of what an optimizer remembers of one parameter.
 *
 * @param step how many steps the parameter has taken; empty for rules that do not count, as in
 *     PyTorch
 * @param tensors state arrays by PyTorch's names, such as {@code exp_avg}
 */
public record ParameterState(OptionalLong step, Map<String, StateTensor> tensors) {
  /**
   * Copies the map.
   *
   * @throws IllegalArgumentException if the step is negative
   */
  public ParameterState {
    if (step.isPresent() && step.getAsLong() < 0) {
      throw new IllegalArgumentException("step must not be negative, was " + step.getAsLong());
    }
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }

  /**
   * A state array by name.
   *
   * @throws IllegalArgumentException if there is none of that name
   */
  public StateTensor tensor(String name) {
    StateTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(
          "there is no state %s, only %s".formatted(name, tensors.keySet()));
    }
    return tensor;
  }
}
