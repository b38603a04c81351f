package dev.warpstep.cli.selfcheck;

import dev.warpstep.Device;
import dev.warpstep.ParameterState;
import dev.warpstep.error.DeviceException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Compares devices with a reference, rule by rule: parameters after each step, and in the end the
 * state and that gradients were left alone. Compares bits; NaN is NaN.
 */
public final class Selfcheck {
  /** With fresh state, with state, with another learning rate. */
  private static final int STEPS = 3;

  private final Layout layout = new Layout();
  private final Inputs inputs;
  private final Device reference;
  private final UnaryOperator<float[]> results;

  /** What the reference makes of one rule. */
  private record Expectation(List<float[]> values, List<ParameterState> states) {}

  /**
   * @param seed of all values
   * @param reference what others are compared with
   * @param results what becomes of the parameters of others before they are compared: nothing,
   *     except in a test of this check itself
   */
  public Selfcheck(long seed, Device reference, UnaryOperator<float[]> results) {
    this.inputs = new Inputs(seed, layout.length(), STEPS);
    this.reference = reference;
    this.results = results;
  }

  /** For people: what is compared. */
  public String description() {
    return String.format(
        Locale.ROOT,
        "%d sizes from %d to %,d elements, parameters and gradients each 0 to %d floats off"
            + " alignment, %d steps",
        Layout.SIZES.size(),
        Layout.SIZES.getFirst(),
        Layout.SIZES.getLast(),
        Layout.SHIFTS - 1,
        STEPS);
  }

  /**
   * Compares one rule on every device.
   *
   * @return for each device the first difference, or how it failed; empty if it is the same
   */
  public List<Optional<Finding>> check(CheckedRule rule, List<Device> devices) {
    Expectation expected = expectation(rule);
    List<Optional<Finding>> findings = new ArrayList<>();
    for (Device device : devices) {
      try (Run run = new Run(rule, device, layout, inputs)) {
        findings.add(difference(run, expected).map(Finding::difference));
      } catch (DeviceException e) {
        findings.add(Optional.of(Finding.failure(e.getMessage())));
      }
    }
    return findings;
  }

  private Expectation expectation(CheckedRule rule) {
    try (Run run = new Run(rule, reference, layout, inputs)) {
      List<float[]> values = new ArrayList<>();
      for (int step = 1; step <= STEPS; step++) {
        run.step(step);
        values.add(run.values());
      }
      return new Expectation(values, run.states());
    }
  }

  private Optional<String> difference(Run run, Expectation expected) {
    for (int step = 1; step <= STEPS; step++) {
      run.step(step);
      float[] values = results.apply(run.values());
      float[] expectedValues = expected.values().get(step - 1);
      int at = Arrays.mismatch(expectedValues, values);
      if (at >= 0) {
        return Optional.of(
            "step %d, %s: %s"
                .formatted(step, layout.place(at), bits(expectedValues[at], values[at])));
      }
    }
    float[] gradients = inputs.gradients(STEPS);
    int written = Arrays.mismatch(gradients, run.gradients());
    if (written >= 0) {
      return Optional.of(
          "step %d: gradients must not change, number %d did".formatted(STEPS, written));
    }
    return differenceOfStates(run.states(), expected.states());
  }

  private Optional<String> differenceOfStates(
      List<ParameterState> actual, List<ParameterState> expected) {
    for (int i = 0; i < expected.size(); i++) {
      Layout.Tensor tensor = layout.tensors().get(i);
      Optional<String> difference = differenceOfState(actual.get(i), expected.get(i));
      if (difference.isPresent()) {
        return difference.map(what -> "step %d, state of %s: %s".formatted(STEPS, tensor, what));
      }
    }
    return Optional.empty();
  }

  private static Optional<String> differenceOfState(
      ParameterState actual, ParameterState expected) {
    if (!actual.step().equals(expected.step())) {
      return Optional.of("step is %s, must be %s".formatted(actual.step(), expected.step()));
    }
    if (!actual.tensors().keySet().equals(expected.tensors().keySet())) {
      return Optional.of(
          "has %s, must have %s".formatted(actual.tensors().keySet(), expected.tensors().keySet()));
    }
    for (String name : expected.tensors().keySet()) {
      float[] expectedValues = expected.tensor(name).toArray();
      float[] values = actual.tensor(name).toArray();
      int at = Arrays.mismatch(expectedValues, values);
      if (at >= 0) {
        return Optional.of(
            "%s, element %d: %s".formatted(name, at, bits(expectedValues[at], values[at])));
      }
    }
    return Optional.empty();
  }

  private static String bits(float expected, float actual) {
    return "0x%08x (%s), must be 0x%08x (%s)"
        .formatted(
            Float.floatToRawIntBits(actual), actual, Float.floatToRawIntBits(expected), expected);
  }
}
