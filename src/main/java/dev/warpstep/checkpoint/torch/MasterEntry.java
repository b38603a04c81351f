package dev.warpstep.checkpoint.torch;

import dev.warpstep.DType;
import dev.warpstep.ParameterState;
import dev.warpstep.StateTensor;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * {@code master_params}, an entry of the state dict that PyTorch has none of and leaves alone:
 * master weights by the numbers of their parameters. Within {@code state} PyTorch would round them
 * to the parameter's type, keep them as they are while its steps move the parameter, and save them
 * again, for a later load to undo those steps.
 */
final class MasterEntry {
  static final String KEY = "master_params";

  /** What a parameter's state of ours calls them. */
  private static final String STATE = "master_param";

  private MasterEntry() {}

  static Optional<StateTensor> of(ParameterState state) {
    return Optional.ofNullable(state.tensors().get(STATE));
  }

  /** What PyTorch has of a state. */
  static ParameterState without(ParameterState state) {
    Map<String, StateTensor> tensors = new LinkedHashMap<>(state.tensors());
    tensors.remove(STATE);
    return new ParameterState(state.step(), tensors);
  }

  /**
   * Adds the entry, if there is one, to what the state has.
   *
   * @param names of the parameters, by their numbers
   * @throws IOException if it is of another kind, or of parameters that have no state
   */
  static void read(
      Source source,
      TensorLoader loader,
      PickleDict stateDict,
      Map<Long, String> names,
      TorchLayout layout,
      Map<String, ParameterState> state)
      throws IOException {
    Optional<Object> entry = stateDict.get(KEY);
    if (entry.isEmpty()) {
      return;
    }
    if (!(entry.get() instanceof PickleDict dict)) {
      throw source.refuse(KEY, "must be a dict");
    }
    for (int i = 0; i < dict.size(); i++) {
      PickleDict.Item item = dict.item(i);
      if (!(item.key() instanceof Long number)) {
        throw source.refuse(KEY, "has a key that is no number of a parameter");
      }
      String name = names.get(number);
      if (name == null || (layout.countsSteps() && !state.containsKey(name))) {
        throw source.refuse(KEY, "has a parameter %d that has no state", number);
      }
      String where = KEY + " of " + name;
      if (!(item.value() instanceof PickledTensor tensor)) {
        throw source.refuse(where, "must be a tensor");
      }
      StateTensor master = loader.load(where, tensor);
      if (master.dtype() != DType.FLOAT32) {
        throw source.refuse(where, "must be of fp32, was %s", master.dtype());
      }
      loader.charge(where, Footprint.STATE);
      // Rules that do not count and keep no array have no other state.
      ParameterState others =
          state.getOrDefault(name, new ParameterState(OptionalLong.empty(), Map.of()));
      Map<String, StateTensor> tensors = new LinkedHashMap<>(others.tensors());
      if (tensors.put(STATE, master) != null) {
        throw source.refuse(KEY, "has parameter %d twice", number);
      }
      state.put(name, new ParameterState(others.step(), tensors));
    }
  }
}
