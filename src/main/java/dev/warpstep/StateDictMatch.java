package dev.warpstep;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * A state dict in the terms of an optimizer: its groups, its parameters' names, its types.
 *
 * @param dict what is to be loaded, still to be checked
 * @param required which arrays the state of a group's parameters must have
 * @param untouched names of parameters that the given dict did not have, which keep their state
 * @param report what was missing or unexpected
 */
record StateDictMatch(
    StateDict dict,
    Function<ParamGroup, List<String>> required,
    Set<String> untouched,
    LoadReport report) {

  /**
   * Finds what belongs to what.
   *
   * @param stateNames which state arrays a group's settings need
   * @throws IllegalArgumentException if the dict's names are ambiguous, it must match by position
   *     and has other places, settings are refused, or state cannot be converted
   */
  static StateDictMatch of(
      UpdateRule rule,
      List<ParamGroup> groups,
      StateDict dict,
      LoadOptions options,
      Function<ParamGroup, List<String>> stateNames,
      Precision precision) {
    checkDistinct(dict);
    boolean byName = options.matching() == LoadOptions.Matching.NAME;
    StateDictMatch match;
    if (!options.strict()) {
      Map<String, String> sources = byName ? byName(groups, dict) : byPosition(groups, dict);
      match = lenient(rule, groups, dict, sources, stateNames, precision);
    } else if (byName) {
      match = new StateDictMatch(dict, stateNames, Set.of(), LoadReport.complete());
    } else {
      checkPlaces(groups, dict);
      match =
          new StateDictMatch(
              renamed(groups, dict, byPosition(groups, dict)),
              stateNames,
              Set.of(),
              LoadReport.complete());
    }
    return options.convertDtypes() ? match.converted(groups, precision) : match;
  }

  private static void checkDistinct(StateDict dict) {
    Set<String> seen = new HashSet<>();
    for (StateDict.Group group : dict.paramGroups()) {
      for (String name : group.parameters()) {
        if (!seen.add(name)) {
          throw new IllegalArgumentException(
              "state dict must have each parameter once, had %s twice".formatted(name));
        }
      }
    }
  }

  private static void checkPlaces(List<ParamGroup> groups, StateDict dict) {
    StateDicts.checkGroupCount(groups, dict);
    for (int i = 0; i < groups.size(); i++) {
      int count = groups.get(i).parameters().size();
      int saved = dict.paramGroups().get(i).parameters().size();
      if (count != saved) {
        throw new IllegalArgumentException(
            "param group %d of the state dict must have %d parameters, had %d"
                .formatted(i, count, saved));
      }
    }
    Set<String> unknown = new LinkedHashSet<>(dict.state().keySet());
    dict.paramGroups().forEach(group -> unknown.removeAll(Set.copyOf(group.parameters())));
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          "state dict must have state of its groups' parameters only, had " + unknown);
    }
  }

  /** The dict's name of each parameter of the optimizer that it has. */
  private static Map<String, String> byName(List<ParamGroup> groups, StateDict dict) {
    Set<String> names = new HashSet<>(dict.state().keySet());
    dict.paramGroups().forEach(group -> names.addAll(group.parameters()));
    Map<String, String> sources = new LinkedHashMap<>();
    for (ParamGroup group : groups) {
      for (Parameter parameter : group.parameters()) {
        if (names.contains(parameter.name())) {
          sources.put(parameter.name(), parameter.name());
        }
      }
    }
    return sources;
  }

  /** The dict's name of the parameter in each place that both have. */
  private static Map<String, String> byPosition(List<ParamGroup> groups, StateDict dict) {
    Map<String, String> sources = new LinkedHashMap<>();
    for (int i = 0; i < Math.min(groups.size(), dict.paramGroups().size()); i++) {
      List<Parameter> parameters = groups.get(i).parameters();
      List<String> saved = dict.paramGroups().get(i).parameters();
      for (int p = 0; p < Math.min(parameters.size(), saved.size()); p++) {
        sources.put(parameters.get(p).name(), saved.get(p));
      }
    }
    return sources;
  }

  /** The dict's settings and state in the optimizer's groups and under its names. */
  private static StateDict renamed(
      List<ParamGroup> groups, StateDict dict, Map<String, String> sources) {
    List<StateDict.Group> renamedGroups = new ArrayList<>();
    for (int i = 0; i < groups.size(); i++) {
      StateDict.Group own = StateDicts.save(groups.get(i));
      renamedGroups.add(
          i < dict.paramGroups().size()
              ? new StateDict.Group(dict.paramGroups().get(i).hyperParameters(), own.parameters())
              : own);
    }
    Map<String, ParameterState> state = new LinkedHashMap<>();
    sources.forEach(
        (name, source) -> {
          if (dict.state().containsKey(source)) {
            state.put(name, dict.state().get(source));
          }
        });
    return new StateDict(renamedGroups, state, dict.rounding());
  }

  private static StateDictMatch lenient(
      UpdateRule rule,
      List<ParamGroup> groups,
      StateDict dict,
      Map<String, String> sources,
      Function<ParamGroup, List<String>> stateNames,
      Precision precision) {
    StateDict renamed = renamed(groups, dict, sources);
    Map<String, ParameterState> state = new LinkedHashMap<>(renamed.state());
    Map<String, List<String>> missingState = new LinkedHashMap<>();
    Map<String, List<String>> unexpectedState = new LinkedHashMap<>();
    Set<String> untouched = new LinkedHashSet<>();
    for (int i = 0; i < groups.size(); i++) {
      ParamGroup own = groups.get(i);
      ParamGroup loaded = StateDicts.checkGroup(rule, i, own, renamed.paramGroups().get(i));
      List<String> needed = rule.countsSteps() ? stateNames.apply(loaded) : List.of();
      ParamGroup plain = ParamGroup.of(own.parameters()).completed(rule.defaults());
      Set<String> essential = Set.copyOf(stateNames.apply(plain));
      for (Parameter parameter : own.parameters()) {
        String name = parameter.name();
        if (!sources.containsKey(name)) {
          untouched.add(name);
        } else if (state.containsKey(name)) {
          ParameterState given = state.get(name);
          Set<String> has = given.tensors().keySet();
          Set<String> possible = new HashSet<>(rule.stateNames());
          if (precision.keepsMaster(parameter)) {
            possible.add(StateDicts.MASTER);
          }
          List<String> missing = needed.stream().filter(array -> !has.contains(array)).toList();
          put(missingState, name, missing);
          put(
              unexpectedState,
              name,
              has.stream().filter(array -> !possible.contains(array)).toList());
          if (missing.stream().anyMatch(essential::contains)) {
            state.remove(name);
          } else {
            state.put(name, known(possible, given));
          }
        }
      }
    }
    Set<String> unexpected = new LinkedHashSet<>();
    dict.paramGroups().forEach(group -> unexpected.addAll(group.parameters()));
    unexpected.addAll(dict.state().keySet());
    unexpected.removeAll(Set.copyOf(sources.values()));
    return new StateDictMatch(
        new StateDict(renamed.paramGroups(), state, dict.rounding()),
        group -> List.of(), // what is missing is reported
        untouched,
        new LoadReport(
            IntStream.range(dict.paramGroups().size(), groups.size()).boxed().toList(),
            IntStream.range(groups.size(), dict.paramGroups().size()).boxed().toList(),
            List.copyOf(untouched),
            List.copyOf(unexpected),
            missingState,
            unexpectedState));
  }

  private static void put(Map<String, List<String>> map, String name, List<String> arrays) {
    if (!arrays.isEmpty()) {
      map.put(name, arrays);
    }
  }

  private static ParameterState known(Set<String> possible, ParameterState given) {
    Map<String, StateTensor> tensors = new LinkedHashMap<>(given.tensors());
    tensors.keySet().retainAll(possible);
    return new ParameterState(given.step(), tensors);
  }

  /** With the types that the optimizer keeps its state in. */
  private StateDictMatch converted(List<ParamGroup> groups, Precision precision) {
    Map<String, ParameterState> state = new LinkedHashMap<>(dict.state());
    for (ParamGroup group : groups) {
      for (Parameter parameter : group.parameters()) {
        state.computeIfPresent(
            parameter.name(),
            (name, given) -> {
              Map<String, StateTensor> tensors = new LinkedHashMap<>(given.tensors());
              tensors.replaceAll((array, tensor) -> converted(precision, parameter, array, tensor));
              return new ParameterState(given.step(), tensors);
            });
      }
    }
    return new StateDictMatch(
        new StateDict(dict.paramGroups(), state, dict.rounding()), required, untouched, report);
  }

  private static StateTensor converted(
      Precision precision, Parameter parameter, String array, StateTensor tensor) {
    DType dtype = StateDicts.dtype(precision, parameter, array);
    if (tensor.dtype() == dtype || !tensor.shape().equals(parameter.shape())) {
      return tensor; // a shape that differs is refused later
    }
    StateDicts.checkReadable(parameter, array, tensor);
    return StateConversion.convert(
        "state %s of %s".formatted(array, parameter.name()), tensor, dtype);
  }
}
