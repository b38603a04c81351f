package dev.warpstep;

import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Everything an optimizer needs to go on as if it had never stopped, as an independent copy:
 * PyTorch's {@code param_groups} and {@code state}, the latter keyed by parameter name.
 *
 * @param paramGroups in the optimizer's order
 * @param state by parameter name; parameters that never took a step are absent
 * @param rounding of an optimizer that rounds stochastically, which PyTorch has none of
 */
public record StateDict(
    List<Group> paramGroups,
    Map<String, ParameterState> state,
    Optional<StochasticRounding> rounding) {
  /**
   * Settings of one group.
   *
   * @param hyperParameters every hyper-parameter of the rule
   * @param parameters names, in the group's order
   */
  public record Group(Map<HyperParameter, Double> hyperParameters, List<String> parameters) {
    /** Copies the map and the list. */
    public Group {
      Map<HyperParameter, Double> copy = new EnumMap<>(HyperParameter.class);
      copy.putAll(hyperParameters);
      hyperParameters = Collections.unmodifiableMap(copy);
      parameters = List.copyOf(parameters);
    }
  }

  /** Copies the list and the map. */
  public StateDict {
    Objects.requireNonNull(rounding, "rounding");
    paramGroups = List.copyOf(paramGroups);
    state = Collections.unmodifiableMap(new LinkedHashMap<>(state));
  }

  /** Of an optimizer that rounds to nearest. */
  public StateDict(List<Group> paramGroups, Map<String, ParameterState> state) {
    this(paramGroups, state, Optional.empty());
  }
}
