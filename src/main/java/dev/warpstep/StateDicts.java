package dev.warpstep;

import dev.warpstep.backend.Storage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;

/** Between an optimizer's slots and groups and a {@link StateDict}. */
final class StateDicts {
  /** Up to here a double holds every count, and so does any file that stores one. */
  private static final long MOST_STEPS = 1L << 53;

  /** Master weights among the state arrays: fp32, however they are kept. */
  static final String MASTER = "master_param";

  private StateDicts() {}

  static StateDict.Group save(ParamGroup group) {
    return new StateDict.Group(
        group.hyperParameters(), group.parameters().stream().map(Parameter::name).toList());
  }

  static ParameterState save(UpdateRule rule, Slot slot, long counter) {
    Map<String, StateTensor> tensors = new LinkedHashMap<>();
    for (String name : rule.stateNames()) {
      Storage storage = slot.states.get(name);
      if (storage != null) {
        MemorySegment values = Arena.ofAuto().allocate(storage.sizeBytes(), Double.BYTES);
        storage.copyTo(values);
        tensors.put(
            name, new StateTensor(DType.of(storage.type()), slot.parameter.shape(), values));
      }
    }
    slot.presentMaster()
        .ifPresent(
            master -> {
              MemorySegment values =
                  Arena.ofAuto().allocate(master.elementCount() * Float.BYTES, Double.BYTES);
              StateArrays.readMaster(slot, master, values);
              tensors.put(MASTER, new StateTensor(DType.FLOAT32, slot.parameter.shape(), values));
            });
    return new ParameterState(
        rule.countsSteps() ? OptionalLong.of(counter) : OptionalLong.empty(), tensors);
  }

  /** State arrays that a dict has of a parameter. */
  static Map<String, StateTensor> tensors(StateDict stateDict, Slot slot) {
    ParameterState state = stateDict.state().get(slot.parameter.name());
    return state == null ? Map.of() : state.tensors();
  }

  /**
   * Proves that a dict fits, before anything is changed.
   *
   * @param stateNames which state arrays a group's settings need
   * @return the groups with the dict's settings, not joined
   * @throws IllegalArgumentException if it does not fit; names what and why
   */
  static List<ParamGroup> check(
      UpdateRule rule,
      List<ParamGroup> groups,
      StateDict stateDict,
      Function<ParamGroup, List<String>> stateNames,
      Precision precision) {
    checkGroupCount(groups, stateDict);
    if (stateDict.rounding().isPresent() && precision.seed().isEmpty()) {
      throw new IllegalArgumentException(
          "state dict must be of an optimizer that rounds to nearest, was of one with stochastic"
              + " rounding");
    }
    List<ParamGroup> loaded = new ArrayList<>();
    Set<String> unknown = new HashSet<>(stateDict.state().keySet());
    for (int i = 0; i < groups.size(); i++) {
      ParamGroup group = checkGroup(rule, i, groups.get(i), stateDict.paramGroups().get(i));
      loaded.add(group);
      for (Parameter parameter : group.parameters()) {
        if (unknown.remove(parameter.name())) {
          ParameterState state = stateDict.state().get(parameter.name());
          checkState(rule, parameter, state, stateNames.apply(group), precision);
        }
      }
    }
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          "state dict must have state of the optimizer's parameters only, had " + unknown);
    }
    return loaded;
  }

  static void checkGroupCount(List<ParamGroup> groups, StateDict stateDict) {
    if (stateDict.paramGroups().size() != groups.size()) {
      throw new IllegalArgumentException(
          "state dict must have the optimizer's %d param groups, had %d"
              .formatted(groups.size(), stateDict.paramGroups().size()));
    }
  }

  /** A group with the dict's settings, not joined. */
  static ParamGroup checkGroup(
      UpdateRule rule, int index, ParamGroup group, StateDict.Group saved) {
    List<String> names = group.parameters().stream().map(Parameter::name).toList();
    if (saved.parameters().size() != names.size()
        || !new HashSet<>(names).equals(new HashSet<>(saved.parameters()))) {
      throw new IllegalArgumentException(
          "param group %d of the state dict must have the parameters %s, had %s"
              .formatted(index, names, saved.parameters()));
    }
    if (!saved.hyperParameters().keySet().equals(rule.defaults().keySet())) {
      throw new IllegalArgumentException(
          "param group %d of the state dict must have the hyper-parameters %s of %s, had %s"
              .formatted(
                  index, rule.defaults().keySet(), rule.name(), saved.hyperParameters().keySet()));
    }
    saved.hyperParameters().forEach(rule::check);
    ParamGroup loaded = ParamGroup.of(group.parameters()).completed(saved.hyperParameters());
    rule.consistency().accept(loaded);
    return loaded;
  }

  private static void checkState(
      UpdateRule rule,
      Parameter parameter,
      ParameterState state,
      List<String> needed,
      Precision precision) {
    Set<String> names = new LinkedHashSet<>(state.tensors().keySet());
    if (precision.keepsMaster(parameter)) {
      names.remove(MASTER);
    }
    if (!rule.stateNames().containsAll(names)) {
      throw new IllegalArgumentException(
          "state of %s must be among %s for %s, had %s"
              .formatted(parameter.name(), rule.stateNames(), rule.name(), names));
    }
    long step = state.step().orElse(0);
    if (rule.countsSteps() ? step < 1 || step > MOST_STEPS : state.step().isPresent()) {
      throw new IllegalArgumentException(
          "step of %s must be %s for %s, was %s"
              .formatted(
                  parameter.name(),
                  rule.countsSteps() ? "in [1, 2^53]" : "absent",
                  rule.name(),
                  state.step()));
    }
    // A momentum buffer of SGD that is missing was never updated; of all others it was lost.
    if (rule.countsSteps() && !names.containsAll(needed)) {
      throw new IllegalArgumentException(
          "state of %s must have %s for %s, had %s"
              .formatted(parameter.name(), needed, rule.name(), names));
    }
    state
        .tensors()
        .forEach(
            (name, tensor) ->
                checkTensor(parameter, name, dtype(precision, parameter, name), tensor));
  }

  /** The type that a parameter's state array has. */
  static DType dtype(Precision precision, Parameter parameter, String name) {
    return name.equals(MASTER) ? DType.FLOAT32 : precision.stateDtype(parameter);
  }

  static void checkReadable(Parameter parameter, String name, StateTensor tensor) {
    if (!tensor.values().scope().isAlive()
        || !tensor.values().isAccessibleBy(Thread.currentThread())) {
      throw new IllegalArgumentException(
          "state %s of %s must be readable, was freed or is confined to another thread"
              .formatted(name, parameter.name()));
    }
  }

  static void checkTensor(Parameter parameter, String name, DType dtype, StateTensor tensor) {
    checkReadable(parameter, name, tensor);
    if (!tensor.shape().equals(parameter.shape()) || tensor.dtype() != dtype) {
      throw new IllegalArgumentException(
          "state %s of %s must be %s of shape %s, was %s of shape %s"
              .formatted(
                  name,
                  parameter.name(),
                  dtype,
                  parameter.shape(),
                  tensor.dtype(),
                  tensor.shape()));
    }
  }

  /**
   * Copies a parameter's state from a checked dict; arrays that the dict does not have become zero.
   *
   * @return the parameter's completed steps
   */
  static long load(UpdateRule rule, Slot slot, StateDict stateDict, StateArrays arrays) {
    Map<String, StateTensor> tensors = tensors(stateDict, slot);
    slot.states.forEach(
        (name, storage) -> {
          if (tensors.containsKey(name)) {
            storage.copyFrom(tensors.get(name).values());
          } else {
            storage.fillZero();
          }
        });
    loadMaster(slot, tensors, arrays);
    if (rule.countsSteps()) {
      ParameterState state = stateDict.state().get(slot.parameter.name());
      return state == null ? 0 : state.step().orElse(0);
    }
    // Rules that do not count only tell the first update of their buffer from later ones.
    return rule.stateNames().stream().anyMatch(tensors::containsKey) ? 1 : 0;
  }

  /** Master weights that the dict does not have are made of the parameter's values again. */
  private static void loadMaster(Slot slot, Map<String, StateTensor> tensors, StateArrays arrays) {
    if (tensors.containsKey(MASTER)) {
      StateArrays.writeMaster(
          slot, slot.presentMaster().orElseThrow(), tensors.get(MASTER).values());
    } else if (slot.parameter.masterStorage().isEmpty()) {
      arrays.reloadMaster(slot);
    }
  }
}
