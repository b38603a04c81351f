package dev.warpstep.checkpoint.torch;

import dev.warpstep.ParameterState;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** Takes the state of parameters out of a pickle. */
final class StateReader {
  private static final ParameterState NONE = new ParameterState(OptionalLong.empty(), Map.of());

  private final Source source;
  private final TensorLoader loader;
  private final TorchOptimizer optimizer;
  private final TorchLayout layout;

  StateReader(Source source, TensorLoader loader, TorchOptimizer optimizer) {
    this.source = source;
    this.loader = loader;
    this.optimizer = optimizer;
    this.layout = TorchLayout.of(optimizer);
  }

  /**
   * The state of every parameter that took a step.
   *
   * @param names of the parameters, by their numbers
   * @throws IOException if it is not the optimizer's, or of other parameters
   */
  Map<String, ParameterState> read(Map<Long, String> names, Object value) throws IOException {
    if (!(value instanceof PickleDict dict)) {
      throw source.refuse("state", "must be a dict");
    }
    Map<String, ParameterState> all = new LinkedHashMap<>();
    for (int i = 0; i < dict.size(); i++) {
      PickleDict.Item item = dict.item(i);
      if (!(item.key() instanceof Long number)) {
        throw source.refuse("state", "has a key that is no number of a parameter");
      }
      String name = names.get(number);
      if (name == null) {
        throw source.refuse("state", "has a parameter %d that is in no group", number);
      }
      loader.charge("state", Footprint.STATE);
      if (all.putIfAbsent(name, parameter(name, item.value()).orElse(NONE)) != null) {
        throw source.refuse("state", "has parameter %d twice", number);
      }
    }
    all.values().removeIf(NONE::equals);
    return all;
  }

  private Optional<ParameterState> parameter(String name, Object value) throws IOException {
    String where = "state of " + name;
    if (!(value instanceof PickleDict dict)) {
      throw source.refuse(where, "must be a dict");
    }
    OptionalLong step = OptionalLong.empty();
    Map<String, StateTensor> tensors = new LinkedHashMap<>();
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < dict.size(); i++) {
      PickleDict.Item item = dict.item(i);
      if (!(item.key() instanceof String key) || !seen.add(key)) {
        throw source.refuse(where, "has a key that is no text, or one twice");
      }
      if (key.equals("step") && layout.countsSteps()) {
        step = OptionalLong.of(step(where, item.value()));
      } else if (!layout.hasState(key)) {
        throw source.refuse(where, "has %s, which %s does not have", key, optimizer);
      } else if (item.value() instanceof PickledTensor tensor) {
        tensors.put(key, loader.load(where + ": " + key, tensor));
      } else if (item.value() != PickleNone.NONE) {
        throw source.refuse(where, "%s must be a tensor or None", key);
      }
    }
    return state(where, step, tensors);
  }

  private Optional<ParameterState> state(
      String where, OptionalLong step, Map<String, StateTensor> tensors)
      throws CheckpointException {
    if (!layout.countsSteps()) {
      return tensors.isEmpty() ? Optional.empty() : Optional.of(new ParameterState(step, tensors));
    }
    if (step.isEmpty()) {
      if (tensors.isEmpty()) {
        return Optional.empty();
      }
      throw source.refuse(where, "has no step");
    }
    // Left by a first step that a GradScaler skipped on a CUDA device.
    if (step.getAsLong() == 0) {
      for (StateTensor tensor : tensors.values()) {
        if (!isZero(tensor.values())) {
          throw source.refuse(where, "must be zero before the first step");
        }
      }
      return Optional.empty();
    }
    return Optional.of(new ParameterState(step, tensors));
  }

  private long step(String where, Object value) throws IOException {
    Object number =
        value instanceof PickledTensor tensor ? loader.scalar(where + ": step", tensor) : value;
    return switch (number) {
      case Long step when step >= 0 && step <= Limits.MOST_STEPS -> step;
      case Double step when step >= 0 && step <= Limits.MOST_STEPS && step == Math.rint(step) ->
          step.longValue();
      case Number step ->
          throw source.refuse(where, "step must be a whole number in [0, 2^53], was %s", step);
      default -> throw source.refuse(where, "step must be a number");
    };
  }

  /** Whether no bit is set. */
  static boolean isZero(MemorySegment values) {
    for (long i = 0; i < values.byteSize(); i++) {
      if (values.get(ValueLayout.JAVA_BYTE, i) != 0) {
        return false;
      }
    }
    return true;
  }
}
