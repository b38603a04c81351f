package dev.warpstep.rules;

import dev.warpstep.HyperParameter;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * Values of all hyper-parameters of a rule; a switch is 0 or 1.
 *
 * @param values by hyper-parameter
 */
public record Settings(Map<HyperParameter, Double> values) {
  /** Copies the map. */
  public Settings {
    values = Collections.unmodifiableMap(new EnumMap<>(values));
  }

  /**
   * The value of a hyper-parameter.
   *
   * @throws IllegalArgumentException if the rule has no such hyper-parameter
   */
  public double get(HyperParameter hyperParameter) {
    Double value = values.get(hyperParameter);
    if (value == null) {
      throw new IllegalArgumentException(hyperParameter.key() + " is not among " + values);
    }
    return value;
  }

  /** Whether a switch is on, or a number is not zero. */
  public boolean isOn(HyperParameter hyperParameter) {
    return get(hyperParameter) != 0;
  }
}
