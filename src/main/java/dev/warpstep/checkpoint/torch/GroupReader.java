package dev.warpstep.checkpoint.torch;

import dev.warpstep.HyperParameter;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/** Takes a param group out of a pickle. */
final class GroupReader {
  /** They choose an implementation, belong to a scheduler, or are a name that the user gave. */
  private static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "foreach",
          "fused",
          "capturable",
          "differentiable",
          "name",
          "max_lr",
          "min_lr",
          "max_momentum",
          "base_momentum",
          "swa_lr");

  private static final Map<String, HyperParameter> BY_KEY = byKey();

  private final Source source;
  private final TensorLoader loader;
  private final Map<HyperParameter, Double> settings = new EnumMap<>(HyperParameter.class);
  private final List<DroppedSetting> dropped = new ArrayList<>();
  private final String where;
  private final int index;
  private OptionalDouble initialLr = OptionalDouble.empty();
  private List<Long> parameters = List.of();
  private Optional<List<String>> names = Optional.empty();

  private GroupReader(Source source, TensorLoader loader, int index) {
    this.source = source;
    this.loader = loader;
    this.index = index;
    this.where = "param group " + index;
  }

  private static Map<String, HyperParameter> byKey() {
    Map<String, HyperParameter> all = new HashMap<>();
    for (HyperParameter hyperParameter : HyperParameter.values()) {
      all.put(hyperParameter.key(), hyperParameter);
    }
    all.remove(HyperParameter.BETA1.key());
    all.remove(HyperParameter.BETA2.key());
    return all;
  }

  /**
   * @throws IOException if the group is of another kind, or has settings that may change the
   *     arithmetic and are not known
   */
  static GroupReader read(Source source, TensorLoader loader, int index, Object value)
      throws IOException {
    GroupReader group = new GroupReader(source, loader, index);
    loader.charge(group.where, Footprint.GROUP);
    if (!(value instanceof PickleDict dict)) {
      throw source.refuse(group.where, "must be a dict");
    }
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < dict.size(); i++) {
      PickleDict.Item item = dict.item(i);
      if (!(item.key() instanceof String key) || !seen.add(key)) {
        throw source.refuse(group.where, "has a key that is no text, or one twice");
      }
      group.take(key, item.value());
    }
    if (!seen.contains("params")) {
      throw source.refuse(group.where, "has no params");
    }
    return group;
  }

  private void take(String key, Object value) throws IOException {
    switch (key) {
      case "params" -> parameters = list(key, value, Long.class);
      case "param_names" -> names = Optional.of(list(key, value, String.class));
      case "betas" -> betas(value);
      case "initial_lr" -> initialLr = OptionalDouble.of(number(key, value));
      default -> {
        HyperParameter setting = BY_KEY.get(key);
        if (setting != null) {
          double number = number(key, value);
          settings.put(setting, TorchLayout.isSwitch(setting) && number != 0 ? 1 : number);
        } else if (WITHOUT_EFFECT.contains(key)) {
          loader.charge(where, Footprint.DROPPED);
          dropped.add(new DroppedSetting(index, key, shown(value)));
        } else {
          throw source.refuse(where, "has %s, which is unknown and may change the step", key);
        }
      }
    }
  }

  private void betas(Object value) throws IOException {
    if (!(value instanceof PickleSequence pair) || pair.size() != 2) {
      throw source.refuse(where, "betas must be two numbers");
    }
    settings.put(HyperParameter.BETA1, number("betas", pair.get(0)));
    settings.put(HyperParameter.BETA2, number("betas", pair.get(1)));
  }

  private double number(String key, Object value) throws IOException {
    return switch (value) {
      case Double number -> number;
      case Long number -> number;
      case Boolean on -> on ? 1 : 0;
      case PickledTensor tensor -> loader.scalar(where + ": " + key, tensor).doubleValue();
      default -> throw source.refuse(where, "%s must be a number", key);
    };
  }

  private <T> List<T> list(String key, Object value, Class<T> type) throws CheckpointException {
    if (!(value instanceof PickleSequence sequence)) {
      throw source.refuse(where, "%s must be a list", key);
    }
    loader.charge(where, (long) Footprint.MEMBER * sequence.size());
    List<T> list = new ArrayList<>(sequence.size());
    for (int i = 0; i < sequence.size(); i++) {
      Object element = sequence.get(i);
      if (!type.isInstance(element)) {
        throw source.refuse(where, "%s must be a list of %s", key, type.getSimpleName());
      }
      list.add(type.cast(element));
    }
    return list;
  }

  private static String shown(Object value) {
    return switch (value) {
      case PickleNone _ -> "None";
      case Boolean on -> on ? "True" : "False";
      case Long number -> number.toString();
      case Double number -> number.toString();
      case String text -> text;
      default -> "an object";
    };
  }

  /** The optimizer whose group this is, by the settings that only one has. */
  TorchOptimizer optimizer() throws CheckpointException {
    if (settings.containsKey(HyperParameter.BETA1)) {
      Double decoupled = settings.get(HyperParameter.DECOUPLED_WEIGHT_DECAY);
      if (decoupled == null) {
        throw source.refuse(
            where,
            "has no decoupled_weight_decay, as before PyTorch 2.7: say whether it is of Adam or"
                + " AdamW");
      }
      return decoupled == 0 ? TorchOptimizer.ADAM : TorchOptimizer.ADAMW;
    }
    return settings.containsKey(HyperParameter.ALPHA) ? TorchOptimizer.RMSPROP : TorchOptimizer.SGD;
  }

  /**
   * All settings of an optimizer.
   *
   * @throws CheckpointException if one is missing or another's
   */
  Map<HyperParameter, Double> settings(TorchOptimizer optimizer) throws CheckpointException {
    TorchLayout layout = TorchLayout.of(optimizer);
    Map<HyperParameter, Double> complete = new EnumMap<>(HyperParameter.class);
    complete.putAll(settings);
    // What PyTorch did not have from the beginning, and takes for granted in older files.
    complete.putIfAbsent(HyperParameter.MAXIMIZE, 0.0);
    if (layout.settings().contains(HyperParameter.DECOUPLED_WEIGHT_DECAY)) {
      complete.putIfAbsent(
          HyperParameter.DECOUPLED_WEIGHT_DECAY, optimizer == TorchOptimizer.ADAMW ? 1.0 : 0.0);
    }
    if (!complete.keySet().equals(layout.settings())) {
      throw source.refuse(
          where,
          "must have the settings %s of %s, had %s",
          layout.settings().stream().map(HyperParameter::key).sorted().toList(),
          optimizer,
          complete.keySet().stream().map(HyperParameter::key).sorted().toList());
    }
    return complete;
  }

  /** The numbers that its parameters have in the state. */
  List<Long> parameters() {
    return parameters;
  }

  /** Its parameters' names, if the file has them. */
  Optional<List<String>> names() {
    return names;
  }

  OptionalDouble initialLr() {
    return initialLr;
  }

  List<DroppedSetting> dropped() {
    return dropped;
  }
}
