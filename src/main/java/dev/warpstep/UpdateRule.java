package dev.warpstep;

import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What the façade knows of a rule: its settings, what they must satisfy together, and which kernel
 * they select. The arithmetic is in {@code kernels/rules}.
 *
 * @param name of the optimizer, for messages
 * @param defaults every hyper-parameter the rule has, in PyTorch's order
 * @param kernel the name of the kernel for a group's settings
 * @param stateNames every state array that any of its kernels keeps
 * @param countsSteps whether PyTorch's state has a {@code step}
 * @param consistency throws {@link IllegalArgumentException} if settings contradict each other
 */
record UpdateRule(
    String name,
    Map<HyperParameter, Double> defaults,
    Function<ParamGroup, String> kernel,
    List<String> stateNames,
    boolean countsSteps,
    Consumer<ParamGroup> consistency) {

  UpdateRule {
    defaults = Collections.unmodifiableMap(new EnumMap<>(defaults));
    stateNames = List.copyOf(stateNames);
  }

  /**
   * @throws IllegalArgumentException if the rule has no such hyper-parameter, or the value is out
   *     of range
   */
  void check(HyperParameter hyperParameter, double value) {
    if (!defaults.containsKey(hyperParameter)) {
      throw new IllegalArgumentException(
          "%s has no hyper-parameter %s; it has %s"
              .formatted(
                  name,
                  hyperParameter.key(),
                  defaults.keySet().stream().map(HyperParameter::key).toList()));
    }
    hyperParameter.check(name, value);
  }
}
