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
  private static final String FOLDER = "archive";

  /** Bytes of an entry in a file besides its data, at least: two headers and a descriptor. */
  private static final int ENTRY_BYTES =
      ZipLayout.LOCAL_HEADER_BYTES + ZipLayout.CENTRAL_HEADER_BYTES + 16;

  /** Of heap: the entries besides storages, and the texts in them. */
  private static final int FIXED = 10_000;

  /** Keys of a group that the reader drops, at most. */
  private static final int WITHOUT_EFFECT = 4;

  /** What a tensor's data are: memory, or so many zeros. */
  private record Data(Optional<MemorySegment> values, long size) {}

  private final PickleWriter pickle = new PickleWriter();
  private final List<Data> storages = new ArrayList<>();
  private final Map<Long, StateTensor> masters = new LinkedHashMap<>();
  private final Path file;
  private final TorchLayout layout;
  private final Limits limits;

  /** What reading charges for state and groups, besides the pickle and the archive. */
  private long charged;

  private TorchFile(Path file, TorchLayout layout) {
    this.file = file;
    this.layout = layout;
    this.limits = new Limits(file, layout);
  }

  /**
   * @param initialLrs one for each group
   * @throws CheckpointException if it is not what a file can hold and a reader takes
   */
  static TorchFile of(Path file, StateDict stateDict, List<OptionalDouble> initialLrs)
      throws CheckpointException {
    TorchFile content = new TorchFile(file, TorchLayout.of(optimizer(file, stateDict)));
    try {
      content.pickle.beginDict();
      content.state(stateDict);
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

  private void state(StateDict stateDict) throws CheckpointException, CharacterCodingException {
    pickle.text("state").beginDict();
    long number = 0;
    int found = 0;
    for (StateDict.Group group : stateDict.paramGroups()) {
      for (String name : group.parameters()) {
        ParameterState complete = stateDict.state().get(name);
        if (complete != null) {
          found++;
          limits.checkState(name, complete);
          charged += Footprint.STATE;
          if (MasterEntry.of(complete).isPresent()) {
            charged += Footprint.STATE;
            masters.put(number, MasterEntry.of(complete).get());
          }
          ParameterState state = MasterEntry.without(complete);
          // Rules that do not count and keep no array have an entry of nothing.
          if (state.step().isPresent() || !state.tensors().isEmpty()) {
            pickle.number(number).beginDict();
            parameter(group, state);
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

  private void parameter(StateDict.Group group, ParameterState state)
      throws CharacterCodingException {
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
    charged += TensorLoader.mostCharged(like.shape().size(), like.values().byteSize());
    storage(StorageType.of(like.dtype()), like.shape(), elements, values);
  }

  private void storage(
      StorageType type, List<Long> shape, long elements, Optional<MemorySegment> values)
      throws CharacterCodingException {
    pickle.tensor(new PickledStorage(type, Integer.toString(storages.size()), elements), shape);
    storages.add(new Data(values, elements * type.elementBytes()));
  }

  private void groups(List<StateDict.Group> groups, List<OptionalDouble> initialLrs)
      throws CheckpointException, CharacterCodingException {
    pickle.text("param_groups").beginList();
    long next = 0;
    for (int i = 0; i < groups.size(); i++) {
      StateDict.Group group = groups.get(i);
      charged += Footprint.GROUP + WITHOUT_EFFECT * Footprint.DROPPED;
      charged += (Footprint.PARAMETER + 2L * Footprint.MEMBER) * group.parameters().size();
      pickle.beginDict().text("param_names").beginList();
      for (String name : group.parameters()) {
        limits.checkName(i, name);
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

  private void rounding(StateDict stateDict) throws CheckpointException, CharacterCodingException {
    if (stateDict.rounding().isPresent()) {
      limits.checkSteps(RoundingEntry.KEY, stateDict.rounding().get().steps());
      pickle.text(RoundingEntry.KEY).beginDict();
      pickle.text(RoundingEntry.SEED).number(stateDict.rounding().get().seed());
      pickle.text(RoundingEntry.STEPS).number(stateDict.rounding().get().steps());
      pickle.endDict();
    }
  }

  /** Writes all of it. */
  void write(WritableByteChannel channel) throws IOException {
    byte[] pickled = pickle.finish();
    ZipWriter zip = new ZipWriter(channel, FOLDER);
    zip.entry("data.pkl", pickled);
    zip.entry(".format_version", ascii("1"));
    zip.entry(".storage_alignment", ascii(Integer.toString(ZipLayout.ALIGNMENT)));
    boolean little = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    zip.entry("byteorder", ascii(little ? "little" : "big"));
    for (int i = 0; i < storages.size(); i++) {
      Data data = storages.get(i);
      if (data.values().isPresent()) {
        zip.entry(storageName(i), data.values().get());
      } else {
        zip.zeros(storageName(i), data.size());
      }
    }
    long padding = padding(pickled.length);
    if (padding > 0) {
      zip.zeros(".padding", padding);
    }
    zip.entry("version", ascii("3\n"));
    zip.finish();
  }

  private static String storageName(int index) {
    return "data/" + index;
  }

  /** By how much the file must be larger for its reader to take the memory it needs. */
  private long padding(long pickleBytes) {
    long bytes = charged + pickle.footprint() + FIXED + TensorLoader.SLAB;
    long fileBytes = pickleBytes;
    for (int i = 0; i < storages.size(); i++) {
      String name = FOLDER + "/" + storageName(i);
      bytes += Footprint.entry(name);
      fileBytes += ENTRY_BYTES + 2L * name.length() + storages.get(i).size();
    }
    return Budget.shortfall(bytes, fileBytes);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
