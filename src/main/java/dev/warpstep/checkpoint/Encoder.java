package dev.warpstep.checkpoint;

import dev.warpstep.AveragedState;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.lr.SchedulerState;
import java.io.IOException;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a {@link Checkpoint} is in a file, by {@link Keys}. */
final class Encoder {
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, StateTensor> tensors = new LinkedHashMap<>();

  private Encoder() {}

  /**
   * A checkpoint, as metadata and tensors.
   *
   * @throws HeaderException if it cannot be told in a file
   */
  static Encoder encode(Checkpoint checkpoint) throws IOException {
    Encoder encoder = new Encoder();
    encoder.metadata.put(Keys.STEP, Long.toString(checkpoint.step()));
    if (checkpoint.seed().isPresent()) {
      encoder.metadata.put(Keys.SEED, Long.toString(checkpoint.seed().getAsLong()));
    }
    encoder.optimizer(checkpoint.optimizer());
    checkpoint
        .parameters()
        .forEach((name, values) -> encoder.tensors.put(Keys.PARAMETER_TENSOR + name, values));
    for (Map.Entry<String, SchedulerState> scheduler : checkpoint.schedulers().entrySet()) {
      encoder.metadata.put(
          Keys.SCHEDULER + scheduler.getKey(), Documents.scheduler(scheduler.getValue()));
    }
    if (checkpoint.scaler().isPresent()) {
      encoder.metadata.put(Keys.SCALER, Documents.scaler(checkpoint.scaler().get()));
    }
    for (Map.Entry<String, AveragedState> average : checkpoint.averages().entrySet()) {
      encoder.average(average.getKey(), average.getValue());
    }
    encoder.metadata.putAll(checkpoint.metadata());
    return encoder;
  }

  Map<String, String> metadata() {
    return metadata;
  }

  /** Widest types first, so that all of them are aligned. */
  Map<String, StateTensor> tensors() {
    Map<String, StateTensor> ordered = new LinkedHashMap<>();
    tensors.entrySet().stream()
        .sorted(Comparator.comparingInt(tensor -> -tensor.getValue().dtype().sizeBytes()))
        .forEach(tensor -> ordered.put(tensor.getKey(), tensor.getValue()));
    return ordered;
  }

  private void optimizer(StateDict optimizer) throws IOException {
    if (optimizer.rounding().isPresent()) {
      metadata.put(Keys.ROUNDING, Documents.rounding(optimizer.rounding().get()));
    }
    List<StateDict.Group> groups = optimizer.paramGroups();
    for (int g = 0; g < groups.size(); g++) {
      StateDict.Group group = groups.get(g);
      metadata.put(Keys.GROUP + g, Documents.hyperParameters(group.hyperParameters()));
    }
    Set<String> unknown = new HashSet<>(optimizer.state().keySet());
    for (int g = 0; g < groups.size(); g++) {
      List<String> names = groups.get(g).parameters();
      for (int i = 0; i < names.size(); i++) {
        String name = names.get(i);
        unknown.remove(name);
        String step = step(name, optimizer.state().get(name));
        if (metadata.put(Keys.PARAMETER + name, g + " " + i + " " + step) != null) {
          throw new HeaderException(name, "is in the groups twice");
        }
      }
    }
    if (!unknown.isEmpty()) {
      throw new HeaderException(unknown.iterator().next(), "has state, but is in no group");
    }
  }

  private String step(String name, ParameterState state) throws IOException {
    if (state == null) {
      return Keys.NO_STATE;
    }
    for (Map.Entry<String, StateTensor> tensor : state.tensors().entrySet()) {
      if (tensor.getKey().isEmpty() || tensor.getKey().contains(".")) {
        throw new HeaderException(
            name,
            "has state of a name that is empty or has a dot, '%s'".formatted(tensor.getKey()));
      }
      tensors.put(Keys.OPTIMIZER_TENSOR + name + '.' + tensor.getKey(), tensor.getValue());
    }
    return state.step().isPresent() ? Long.toString(state.step().getAsLong()) : Keys.UNCOUNTED;
  }

  private void average(String name, AveragedState average) throws IOException {
    metadata.put(Keys.AVERAGE + name, Documents.average(average));
    average
        .averages()
        .forEach(
            (parameter, values) ->
                tensors.put(Keys.AVERAGE_TENSOR + name + '.' + parameter, values));
  }
}
