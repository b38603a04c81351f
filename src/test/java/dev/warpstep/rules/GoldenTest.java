package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.golden.GoldenCase;
import dev.warpstep.golden.GoldenCase.Change;
import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenCase.Snapshot;
import dev.warpstep.golden.GoldenCase.TensorValues;
import dev.warpstep.golden.GoldenCase.TypedValue;
import dev.warpstep.golden.GoldenCase.Values;
import dev.warpstep.golden.GoldenCases;
import dev.warpstep.golden.GoldenInputs;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The façade on the CPU against PyTorch's fp32 and fp64 trajectories, parameters and state. */
class GoldenTest {
  private static Device device;

  /**
   * How far two computations of one trajectory may be apart, as in {@code numpy.allclose}: each
   * takes its own roundings, some ten of 2<sup>-24</sup> in a step, of 2<sup>-53</sup> in fp64, and
   * gradients may depend on the parameters. After few steps the smaller of two bounds holds, so
   * that neither small nor large values hide behind the other's tolerance.
   */
  private record Tolerance(double unit, boolean fewSteps) {
    static Tolerance afterSteps(Dtype dtype, int steps) {
      return new Tolerance(dtype == Dtype.FLOAT32 ? 1 : 0x1p-29, steps <= 7);
    }

    /** Of {@code count} values that add up to {@code magnitude}. */
    double of(double magnitude, int count) {
      return unit * atFp32(magnitude, count);
    }

    private double atFp32(double magnitude, int count) {
      return fewSteps
          ? Math.min(1e-6 * count + 1e-5 * magnitude, 1e-5 * count + 1e-6 * magnitude)
          : 1e-4 * count + 1e-3 * magnitude;
    }
  }

  @BeforeAll
  static void open() {
    device = Device.cpu(2);
  }

  @AfterAll
  static void close() {
    device.close();
  }

  @TestFactory
  Stream<DynamicTest> followsPyTorchInFloat() {
    return trajectories(Dtype.FLOAT32);
  }

  @TestFactory
  Stream<DynamicTest> followsPyTorchInDouble() {
    return trajectories(Dtype.FLOAT64);
  }

  private static Stream<DynamicTest> trajectories(Dtype dtype) {
    return GoldenCases.OPTIMIZERS.stream()
        .flatMap(optimizer -> GoldenCases.of(optimizer, dtype).stream())
        .map(
            golden ->
                DynamicTest.dynamicTest(
                    golden.toString(),
                    () -> {
                      try (Run run = new Run(golden)) {
                        run.check();
                      }
                    }));
  }

  @TestFactory
  Stream<DynamicTest> defaultsArePyTorchs() {
    return GoldenCases.OPTIMIZERS.stream()
        .map(
            optimizer ->
                DynamicTest.dynamicTest(
                    optimizer,
                    () -> {
                      try (Parameter parameter = Parameter.of("any", new float[1]);
                          Optimizer built =
                              GoldenSettings.builder(optimizer).build(device, List.of(parameter))) {
                        assertEquals(
                            withoutClassSwitch(GoldenSettings.defaults(optimizer)),
                            withoutClassSwitch(built.defaults()));
                      }
                    }));
  }

  /**
   * Which decay Adam and AdamW have is their class; PyTorch's constructors differ in showing it.
   */
  private static Map<HyperParameter, Double> withoutClassSwitch(Map<HyperParameter, Double> all) {
    Map<HyperParameter, Double> visible = new EnumMap<>(all);
    visible.remove(HyperParameter.DECOUPLED_WEIGHT_DECAY);
    return visible;
  }

  /** One case. */
  private static final class Run implements AutoCloseable {
    private final GoldenCase golden;
    private final List<GoldenTensor> tensors = new ArrayList<>();
    private final Optimizer optimizer;

    Run(GoldenCase golden) {
      this.golden = golden;
      List<List<Parameter>> members = new ArrayList<>();
      golden.groups().forEach(group -> members.add(new ArrayList<>()));
      for (int t = 0; t < golden.tensors().size(); t++) {
        GoldenCase.Tensor tensor = golden.tensors().get(t);
        tensors.add(GoldenTensor.of(golden.dtype(), golden.inputs(), t, tensor.size()));
        members.get(tensor.group()).add(tensors.get(t).parameter());
      }
      ParamGroup[] groups = new ParamGroup[members.size()];
      for (int g = 0; g < groups.length; g++) {
        groups[g] = ParamGroup.of(members.get(g));
        GoldenSettings.named(golden.groups().get(g)).forEach(groups[g]::set);
      }
      optimizer = GoldenSettings.builder(golden.optimizer()).build(device, groups);
    }

    void check() {
      int next = 0;
      for (int step = 1; step <= golden.steps(); step++) {
        change(step);
        setGradients(step);
        optimizer.step();
        if (golden.snapshots().get(next).step() == step) {
          compare(golden.snapshots().get(next));
          next++;
        }
      }
      assertEquals(golden.snapshots().size(), next);
      for (int g = 0; g < golden.savedGroups().size(); g++) {
        Map<String, TypedValue> saved = golden.savedGroups().get(g);
        assertEquals(
            withoutClassSwitch(GoldenSettings.numbers(saved)),
            withoutClassSwitch(optimizer.paramGroups().get(g).hyperParameters()),
            "group " + g);
      }
    }

    private void change(int step) {
      for (Change change : golden.changes()) {
        if (change.step() == step) {
          ParamGroup group = optimizer.paramGroups().get(change.group());
          GoldenSettings.named(change.options()).forEach(group::set);
        }
      }
    }

    private void setGradients(int step) {
      for (int t = 0; t < tensors.size(); t++) {
        Parameter parameter = tensors.get(t).parameter();
        if (golden.hasGradient(t, step)) {
          parameter.gradient(tensors.get(t).gradient(golden, step));
        } else {
          parameter.clearGradient();
        }
      }
    }

    private void compare(Snapshot snapshot) {
      Map<Parameter, ParameterState> states = optimizer.state();
      for (int t = 0; t < tensors.size(); t++) {
        TensorValues recorded = snapshot.tensors().get(t);
        String where = "tensor %d after step %d: ".formatted(t, snapshot.step());
        Tolerance tolerance = Tolerance.afterSteps(golden.dtype(), snapshot.step());
        close(recorded.parameter(), tensors.get(t).toDoubles(), tolerance, where + "parameter");
        ParameterState state = states.get(tensors.get(t).parameter());
        if (state == null) {
          assertEquals(Set.of(), recorded.state().keySet(), where);
          continue;
        }
        List<Long> shape = tensors.get(t).parameter().shape();
        Set<String> names = new HashSet<>(state.tensors().keySet());
        state.step().ifPresent(step -> names.add("step"));
        assertEquals(recorded.state().keySet(), names, where);
        recorded
            .state()
            .forEach(
                (name, expected) -> {
                  if (name.equals("step")) {
                    assertEquals(
                        expected.sampled().getFirst(),
                        (double) state.step().orElseThrow(),
                        where + name);
                  } else {
                    assertEquals(shape, state.tensor(name).shape(), where + name);
                    close(expected, state.tensor(name).toDoubleArray(), tolerance, where + name);
                  }
                });
      }
    }

    private static void close(Values recorded, double[] actual, Tolerance tolerance, String what) {
      assertEquals(recorded.size(), actual.length, what);
      int[] elements = GoldenInputs.sampleIndices(actual.length);
      for (int i = 0; i < elements.length; i++) {
        double expected = recorded.sampled().get(i);
        assertEquals(
            expected,
            actual[elements[i]],
            tolerance.of(Math.abs(expected), 1),
            what + " " + elements[i]);
      }
      recorded
          .sums()
          .ifPresent(
              sums -> {
                double sum = 0;
                double ofMagnitudes = 0;
                for (double value : actual) {
                  sum += value;
                  ofMagnitudes += Math.abs(value);
                }
                double allowed = tolerance.of(sums.ofMagnitudes(), actual.length);
                assertEquals(sums.sum(), sum, allowed, what + ", sum");
                assertEquals(sums.ofMagnitudes(), ofMagnitudes, allowed, what + ", sum of |x|");
              });
    }

    @Override
    public void close() {
      optimizer.close();
    }
  }
}
