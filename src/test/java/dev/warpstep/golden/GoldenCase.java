package dev.warpstep.golden;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A trajectory of a PyTorch optimizer: what was done and what came out.
 *
 * @param optimizer the class in {@code torch.optim}: SGD, RMSprop, Adam or AdamW
 * @param name unique among the cases of an optimizer and a dtype
 * @param dtype of the parameters, their gradients and their state
 * @param inputs where initial parameters and gradients come from
 * @param gradient which gradient
 * @param steps how many were taken; steps are counted from 1
 * @param groups param groups in order, each with the options the case sets
 * @param tensors in the order of {@code state_dict()}; those of a group are contiguous
 * @param missing steps in which a tensor has no gradient
 * @param changes options set between steps, in the order of their steps
 * @param snapshots what was recorded, in the order of the steps; the last one is after the last
 *     step
 * @param savedGroups {@code state_dict()["param_groups"]} after the last step
 */
public record GoldenCase(
    String optimizer,
    String name,
    Dtype dtype,
    GoldenInputs inputs,
    GoldenInputs.Gradient gradient,
    int steps,
    List<Options> groups,
    List<Tensor> tensors,
    List<Missing> missing,
    List<Change> changes,
    List<Snapshot> snapshots,
    List<Map<String, TypedValue>> savedGroups) {

  /** The working dtype. */
  public enum Dtype {
    FLOAT32,
    FLOAT64
  }

  /**
   * Options of a param group by PyTorch's names ({@code betas} as {@code beta1} and {@code beta2});
   * what is not named keeps its default.
   */
  public record Options(Map<String, String> values) {
    public Options {
      values = Map.copyOf(values);
    }

    /** A number if the option is set, else {@code otherwise}. */
    public double number(String name, double otherwise) {
      String value = values.get(name);
      return value == null ? otherwise : Double.parseDouble(value);
    }

    /** Whether the flag is set to true. */
    public boolean flag(String name) {
      return switch (values.getOrDefault(name, "false")) {
        case "true" -> true;
        case "false" -> false;
        default -> throw new IllegalArgumentException(name + " is no flag: " + values.get(name));
      };
    }

    /** These options, overridden by {@code later}. */
    public Options with(Options later) {
      var both = new HashMap<>(values);
      both.putAll(later.values);
      return new Options(both);
    }
  }

  /** A parameter tensor: its param group and its element count. */
  public record Tensor(int group, int size) {}

  /** The tensor has no gradient from step {@code first} to step {@code last}, both included. */
  public record Missing(int tensor, int first, int last) {}

  /** Options of a group which are set before step {@code step}. */
  public record Change(int step, int group, Options options) {}

  /** The parameters and their state after step {@code step}; one entry per tensor. */
  public record Snapshot(int step, List<TensorValues> tensors) {}

  /**
   * A parameter and its state by PyTorch's names, in the order of {@code state_dict()}. The state
   * is empty where PyTorch has none: plain SGD, or a tensor that never had a gradient.
   */
  public record TensorValues(Values parameter, Map<String, Values> state) {}

  /**
   * Recorded values of a tensor of {@code size} elements: those at {@link
   * GoldenInputs#sampleIndices}, which is all of them up to 64. A {@code float} is widened.
   *
   * @param sums over all elements, present if some are not recorded
   */
  public record Values(int size, List<Double> sampled, Optional<Sums> sums) {}

  /**
   * Sums in double over all elements from the first to the last, one by one.
   *
   * @param sum of the values
   * @param ofMagnitudes sum of the absolute values
   */
  public record Sums(double sum, double ofMagnitudes) {}

  /** A Python value in text and its type's name: float, int, bool, tuple, list or NoneType. */
  public record TypedValue(String type, String value) {}

  /** Whether the tensor has a gradient in that step. */
  public boolean hasGradient(int tensor, int step) {
    return missing.stream()
        .noneMatch(m -> m.tensor() == tensor && m.first() <= step && step <= m.last());
  }

  /** The options of a group in that step: those it began with and all changes up to it. */
  public Options optionsAt(int step, int group) {
    Options options = groups.get(group);
    for (Change change : changes) {
      if (change.group() == group && change.step() <= step) {
        options = options.with(change.options());
      }
    }
    return options;
  }

  /** For test names: {@code Adam/amsgrad/FLOAT32}. */
  @Override
  public String toString() {
    return optimizer + "/" + name + "/" + dtype;
  }
}
