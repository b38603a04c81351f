package dev.warpstep.checkpoint;

import dev.warpstep.AveragedState;
import dev.warpstep.HyperParameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.lr.SchedulerState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** The {@link Checkpoint} that metadata and tensors are, by {@link Keys}. */
final class Decoder {
  private final Allowance allowance;
  private final Map<String, String> metadata;

  private final List<Map<HyperParameter, Double>> groups = new ArrayList<>();
  private final List<List<String>> names = new ArrayList<>();
  private final Map<String, OptionalLong> steps = new LinkedHashMap<>();
  private final Map<String, Map<String, StateTensor>> states = new HashMap<>();
  private final Map<String, StateTensor> parameters = new LinkedHashMap<>();
  private final Map<String, SchedulerState> schedulers = new LinkedHashMap<>();
  private final Map<String, Fields> averages = new LinkedHashMap<>();
  private final Map<String, Map<String, StateTensor>> averaged = new HashMap<>();
  private final Map<String, String> users = new LinkedHashMap<>();

  private Decoder(Map<String, String> metadata, Allowance allowance) {
    this.metadata = metadata;
    this.allowance = allowance;
  }

  /**
   * The checkpoint.
   *
   * @throws HeaderException if there is anything that no checkpoint has, or it lacks something
   */
  static Checkpoint decode(
      Map<String, String> metadata, Map<String, StateTensor> tensors, Allowance allowance)
      throws IOException {
    Decoder decoder = new Decoder(metadata, allowance);
    for (Map.Entry<String, String> entry : metadata.entrySet()) {
      decoder.metadata(entry.getKey(), entry.getValue());
    }
    for (Map.Entry<String, StateTensor> tensor : tensors.entrySet()) {
      decoder.tensor(tensor.getKey(), tensor.getValue());
    }
    return decoder.checkpoint();
  }

  private void metadata(String key, String value) throws IOException {
    if (key.startsWith(Keys.GROUP)) {
      if (!key.equals(Keys.GROUP + groups.size())) {
        throw new HeaderException(key, "must come after " + groups.size() + " groups");
      }
      groups.add(Documents.hyperParameters(key, value, allowance));
      names.add(new ArrayList<>());
    } else if (key.startsWith(Keys.PARAMETER)) {
      parameter(key, key.substring(Keys.PARAMETER.length()), value);
    } else if (key.startsWith(Keys.SCHEDULER)) {
      schedulers.put(
          key.substring(Keys.SCHEDULER.length()), Documents.scheduler(key, value, allowance));
    } else if (key.startsWith(Keys.AVERAGE)) {
      String name = key.substring(Keys.AVERAGE.length());
      if (name.isEmpty() || name.contains(".")) {
        throw new HeaderException(key, "names an average that is empty or has a dot");
      }
      averages.put(name, Fields.of(key, value, allowance));
    } else if (!key.startsWith(Keys.OWN)) {
      users.put(key, value);
    } else if (!isSingle(key)) {
      throw new HeaderException(key, "is unknown");
    }
  }

  private static boolean isSingle(String key) {
    return switch (key) {
      case Keys.VERSION, Keys.CHECKSUM, Keys.STEP, Keys.SEED, Keys.ROUNDING, Keys.SCALER -> true;
      default -> key.startsWith(Keys.TENSOR_CHECKSUM);
    };
  }

  private void parameter(String key, String name, String value) throws IOException {
    String[] words = value.split(" ", -1);
    long group = words.length == 3 ? Fields.count(key, words[0]) : groups.size();
    if (group >= groups.size() || Fields.count(key, words[1]) != names.get((int) group).size()) {
      throw new HeaderException(
          key, "must be a group, the next position in it and a step, was '%s'".formatted(value));
    }
    names.get((int) group).add(name);
    if (words[2].equals(Keys.UNCOUNTED)) {
      steps.put(name, OptionalLong.empty());
    } else if (!words[2].equals(Keys.NO_STATE)) {
      steps.put(name, OptionalLong.of(Fields.count(key, words[2])));
    }
  }

  private void tensor(String key, StateTensor tensor) throws HeaderException {
    if (key.startsWith(Keys.OPTIMIZER_TENSOR)) {
      String name = key.substring(Keys.OPTIMIZER_TENSOR.length());
      int dot = name.lastIndexOf('.');
      String parameter = name.substring(0, Math.max(dot, 0));
      if (dot < 0 || dot == name.length() - 1 || !steps.containsKey(parameter)) {
        throw new HeaderException(key, "is state of no parameter that has state");
      }
      states
          .computeIfAbsent(parameter, p -> new LinkedHashMap<>())
          .put(name.substring(dot + 1), tensor);
    } else if (key.startsWith(Keys.PARAMETER_TENSOR)) {
      parameters.put(key.substring(Keys.PARAMETER_TENSOR.length()), tensor);
    } else if (key.startsWith(Keys.AVERAGE_TENSOR)) {
      String name = key.substring(Keys.AVERAGE_TENSOR.length());
      int dot = name.indexOf('.');
      String average = name.substring(0, Math.max(dot, 0));
      if (!averages.containsKey(average)) {
        throw new HeaderException(key, "is of no average that is there");
      }
      averaged
          .computeIfAbsent(average, a -> new LinkedHashMap<>())
          .put(name.substring(dot + 1), tensor);
    } else {
      throw new HeaderException(key, "is a tensor that no checkpoint has");
    }
  }

  private Checkpoint checkpoint() throws IOException {
    return new Checkpoint(
        Fields.count(Keys.STEP, required(Keys.STEP)),
        seed(),
        new StateDict(groups(), parameterStates(), optional(Keys.ROUNDING, Documents::rounding)),
        parameters,
        schedulers,
        optional(Keys.SCALER, Documents::scaler),
        averageStates(),
        users);
  }

  private String required(String key) throws HeaderException {
    String value = metadata.get(key);
    if (value == null) {
      throw new HeaderException(key, "is missing");
    }
    return value;
  }

  private interface Reader<T> {
    T read(Fields fields) throws IOException;
  }

  private <T> Optional<T> optional(String key, Reader<T> reader) throws IOException {
    String json = metadata.get(key);
    return json == null
        ? Optional.empty()
        : Optional.of(reader.read(Fields.of(key, json, allowance)));
  }

  private OptionalLong seed() throws IOException {
    String seed = metadata.get(Keys.SEED);
    return seed == null ? OptionalLong.empty() : OptionalLong.of(Fields.integer(Keys.SEED, seed));
  }

  private List<StateDict.Group> groups() {
    List<StateDict.Group> paramGroups = new ArrayList<>();
    for (int g = 0; g < groups.size(); g++) {
      paramGroups.add(new StateDict.Group(groups.get(g), names.get(g)));
    }
    return paramGroups;
  }

  private Map<String, ParameterState> parameterStates() {
    Map<String, ParameterState> parameterStates = new LinkedHashMap<>();
    steps.forEach(
        (name, step) ->
            parameterStates.put(
                name, new ParameterState(step, states.getOrDefault(name, Map.of()))));
    return parameterStates;
  }

  private Map<String, AveragedState> averageStates() throws IOException {
    Map<String, AveragedState> averageStates = new LinkedHashMap<>();
    for (Map.Entry<String, Fields> average : averages.entrySet()) {
      Map<String, StateTensor> tensors = averaged.getOrDefault(average.getKey(), Map.of());
      averageStates.put(average.getKey(), Documents.average(average.getValue(), tensors));
    }
    return averageStates;
  }
}
