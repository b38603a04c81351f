package dev.warpstep.checkpoint.torch;

import dev.warpstep.HyperParameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** A file that is to be written: its pickle, and the memory of its storages. */
final class TorchFile {
  /** What a tensor's data are: memory, or so many zeros. */
  private record Data(Optional<MemorySegment> values, long size) {}

  private final PickleWriter pickle = new PickleWriter();
  private final List<Data> storages = new ArrayList<>();
  private final Map<Long, StateTensor> masters = new LinkedHashMap<>();
  private final TorchLayout layout;

  private TorchFile(TorchLayout layout) {
    this.layout = layout;
  }

  /**
   * @param initialLrs one for each group
   * @throws CheckpointException if the settings are no optimizer's, or a name is no Unicode
   */
  static TorchFile of(Path file, StateDict stateDict, List<OptionalDouble> initialLrs)
      throws CheckpointException {
    TorchFile content = new TorchFile(TorchLayout.of(optimizer(file, stateDict)));
    try {
      content.pickle.beginDict();
      content.state(file, stateDict);
      content.groups(stateDict.paramGroups(), initialLrs);
      content.masters();
      content.rounding(stateDict);
      content.pickle.endDict();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file, "encode a parameter's name", e);
    }
    return content;
  }

  private static TorchOptimizer optimizer(Path file, StateDict stateDict)
      throws CheckpointException {
    Optional<TorchOptimizer> optimizer = Optional.empty();
    for (int i = 0; i < stateDict.paramGroups().size(); i++) {
      Map<HyperParameter, Double> settings = stateDict.paramGroups().get(i).hyperParameters();
      Optional<TorchOptimizer> ofGroup = TorchLayout.optimizer(settings);
      if (ofGroup.isEmpty() || (i > 0 && !ofGroup.equals(optimizer))) {
        throw new CheckpointException(
            file,
            "param group " + i,
            "must have the settings of one of PyTorch's optimizers, and that of all groups, had "
                + settings);
      }
      optimizer = ofGroup;
    }
    return optimizer.orElseThrow(() -> new CheckpointException(file, "must have a param group"));
  }

  private void state(Path file, StateDict stateDict)
      throws CheckpointException, CharacterCodingException {
    pickle.text("state").beginDict();
    long number = 0;
    int found = 0;
    for (StateDict.Group group : stateDict.paramGroups()) {
      for (String name : group.parameters()) {
        if (stateDict.state().containsKey(name)) {
          found++;
          ParameterState complete = stateDict.state().get(name);
          if (MasterEntry.of(complete).isPresent()) {
            masters.put(number, MasterEntry.of(complete).get());
          }
          ParameterState state = MasterEntry.without(complete);
          // Rules that do not count and keep no array have an entry of nothing.
          if (state.step().isPresent() || !state.tensors().isEmpty()) {
            pickle.number(number).beginDict();
            parameter(file, name, group, state);
            pickle.endDict();
          }
        }
        number++;
      }
    }
    pickle.endDict();
    if (found != stateDict.state().size()) {
      throw new CheckpointException(
          file, "state", "must be of parameters of the groups alone, and of each one once");
    }
  }

  private void parameter(Path file, String name, StateDict.Group group, ParameterState state)
      throws CheckpointException, CharacterCodingException {
    if (layout.countsSteps() != state.step().isPresent()
        || !state.tensors().keySet().stream().allMatch(layout::hasState)) {
      throw new CheckpointException(
          file, "state of " + name, "is not that of its optimizer: " + state.tensors().keySet());
    }
    if (state.step().isPresent()) {
      pickle.text("step");
      step(state.step().getAsLong());
    }
    for (TorchLayout.Array array : layout.states()) {
      StateTensor tensor = state.tensors().get(array.name());
      if (tensor != null) {
        pickle.text(array.name());
        tensor(tensor, Optional.of(tensor.values()));
      } else if (layout.countsSteps() && needs(group, array) && !state.tensors().isEmpty()) {
        pickle.text(array.name());
        tensor(state.tensors().values().iterator().next(), Optional.empty());
      }
    }
  }

  private static boolean needs(StateDict.Group group, TorchLayout.Array array) {
    return array.neededBy().map(setting -> group.hyperParameters().get(setting) != 0).orElse(true);
  }

  private void step(long step) throws CharacterCodingException {
    boolean exact = (long) (float) step == step;
    MemorySegment value =
        exact
            ? MemorySegment.ofArray(new float[] {step})
            : MemorySegment.ofArray(new double[] {step});
    StorageType type = exact ? StorageType.FLOAT : StorageType.DOUBLE;
    storage(type, List.of(), 1, Optional.of(value));
  }

  private void tensor(StateTensor like, Optional<MemorySegment> values)
      throws CharacterCodingException {
    long elements = like.values().byteSize() / like.dtype().sizeBytes();
    storage(StorageType.of(like.dtype()), like.shape(), elements, values);
  }

  private void storage(
      StorageType type, List<Long> shape, long elements, Optional<MemorySegment> values)
      throws CharacterCodingException {
    pickle.tensor(new PickledStorage(type, Integer.toString(storages.size()), elements), shape);
    storages.add(new Data(values, elements * type.elementBytes()));
  }

  private void groups(List<StateDict.Group> groups, List<OptionalDouble> initialLrs)
      throws CharacterCodingException {
    pickle.text("param_groups").beginList();
    long next = 0;
    for (int i = 0; i < groups.size(); i++) {
      StateDict.Group group = groups.get(i);
      pickle.beginDict().text("param_names").beginList();
      for (String name : group.parameters()) {
        pickle.text(name);
      }
      pickle.endList();
      for (String key : layout.keys()) {
        pickle.text(key);
        setting(key, group.hyperParameters());
      }
      if (initialLrs.get(i).isPresent()) {
        pickle.text("initial_lr").number(initialLrs.get(i).getAsDouble());
      }
      pickle.text("params").beginList();
      for (int p = 0; p < group.parameters().size(); p++) {
        pickle.number(next++);
      }
      pickle.endList().endDict();
    }
    pickle.endList();
  }

  private void setting(String key, Map<HyperParameter, Double> settings) {
    switch (key) {
      case "betas" ->
          pickle
              .beginTuple()
              .number(settings.get(HyperParameter.BETA1))
              .number(settings.get(HyperParameter.BETA2))
              .endTuple();
      case "foreach", "fused" -> pickle.none(); // PyTorch chooses
      case "capturable", "differentiable" -> pickle.flag(false);
      default -> {
        HyperParameter setting = HyperParameter.valueOf(key.toUpperCase(Locale.ROOT));
        if (TorchLayout.isSwitch(setting)) {
          pickle.flag(settings.get(setting) != 0);
        } else {
          pickle.number(settings.get(setting));
        }
      }
    }
  }

  private void masters() throws CharacterCodingException {
    if (!masters.isEmpty()) {
      pickle.text(MasterEntry.KEY).beginDict();
      for (Map.Entry<Long, StateTensor> master : masters.entrySet()) {
        pickle.number(master.getKey());
        tensor(master.getValue(), Optional.of(master.getValue().values()));
      }
      pickle.endDict();
    }
  }

  private void rounding(StateDict stateDict) throws CharacterCodingException {
    if (stateDict.rounding().isPresent()) {
      pickle.text(RoundingEntry.KEY).beginDict();
      pickle.text(RoundingEntry.SEED).number(stateDict.rounding().get().seed());
      pickle.text(RoundingEntry.STEPS).number(stateDict.rounding().get().steps());
      pickle.endDict();
    }
  }

  /** Writes all of it. */
  void write(WritableByteChannel channel) throws IOException {
    ZipWriter zip = new ZipWriter(channel, "archive");
    zip.entry("data.pkl", pickle.finish());
    zip.entry(".format_version", ascii("1"));
    zip.entry(".storage_alignment", ascii(Integer.toString(ZipLayout.ALIGNMENT)));
    boolean little = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    zip.entry("byteorder", ascii(little ? "little" : "big"));
    for (int i = 0; i < storages.size(); i++) {
      Data data = storages.get(i);
      if (data.values().isPresent()) {
        zip.entry("data/" + i, data.values().get());
      } else {
        zip.zeros("data/" + i, data.size());
      }
    }
    zip.entry("version", ascii("3\n"));
    zip.finish();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
