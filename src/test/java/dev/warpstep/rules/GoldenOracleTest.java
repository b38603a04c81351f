package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.golden.GoldenCase;
import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenCase.Snapshot;
import dev.warpstep.golden.GoldenCase.TensorValues;
import dev.warpstep.golden.GoldenCase.Values;
import dev.warpstep.golden.GoldenCases;
import dev.warpstep.golden.GoldenInputs;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The oracles against PyTorch's float64 trajectories: two double computations of one algorithm. */
class GoldenOracleTest {
  /**
   * A thousand steps of a few roundings of 2<sup>-53</sup> each; the worst seen is a tenth of it.
   */
  private static final double RELATIVE = 1e-12;

  /**
   * A parameter near zero was made of updates of the order of one; the worst seen is a fifth of it.
   */
  private static final double PARAMETER_ABSOLUTE = 1e-13;

  private static final Map<String, Oracle> ORACLES =
      Map.of(
          "SGD", new SgdOracle(),
          "RMSprop", new RmspropOracle(),
          "Adam", new AdamOracle(),
          "AdamW", new AdamOracle());

  @TestFactory
  Stream<DynamicTest> oraclesFollowPyTorchInDouble() {
    return GoldenCases.OPTIMIZERS.stream()
        .flatMap(optimizer -> GoldenCases.of(optimizer, Dtype.FLOAT64).stream())
        .map(golden -> DynamicTest.dynamicTest(golden.toString(), () -> new Run(golden).check()));
  }

  /** One case, element by element: only the recorded elements of a tensor are computed. */
  private static final class Run {
    private final GoldenCase golden;
    private final Oracle oracle;
    private final List<Tensor> tensors = new ArrayList<>();

    private static final class Tensor {
      final int index;
      final int group;
      final int[] elements;
      final double[] parameter;
      final Map<String, double[]> state = new LinkedHashMap<>();
      long step;

      Tensor(GoldenCase golden, int index) {
        this.index = index;
        group = golden.tensors().get(index).group();
        elements = GoldenInputs.sampleIndices(golden.tensors().get(index).size());
        parameter = new double[elements.length];
        for (int i = 0; i < elements.length; i++) {
          parameter[i] = golden.inputs().initial(index, elements[i]);
        }
      }
    }

    Run(GoldenCase golden) {
      this.golden = golden;
      this.oracle = ORACLES.get(golden.optimizer());
      for (int t = 0; t < golden.tensors().size(); t++) {
        tensors.add(new Tensor(golden, t));
      }
    }

    void check() {
      int next = 0;
      for (int step = 1; step <= golden.steps(); step++) {
        for (Tensor tensor : tensors) {
          if (golden.hasGradient(tensor.index, step)) {
            update(tensor, step);
          }
        }
        if (golden.snapshots().get(next).step() == step) {
          compare(golden.snapshots().get(next));
          next++;
        }
      }
      assertEquals(golden.snapshots().size(), next);
    }

    private void update(Tensor tensor, int step) {
      Settings settings =
          GoldenSettings.complete(golden.optimizer(), golden.optionsAt(step, tensor.group));
      List<String> names = oracle.states(settings);
      if (!names.isEmpty()) {
        tensor.step++;
      }
      double[][] arrays = new double[names.size()][];
      for (int s = 0; s < arrays.length; s++) {
        arrays[s] =
            tensor.state.computeIfAbsent(names.get(s), n -> new double[tensor.parameter.length]);
      }
      Oracle.Update update = oracle.at(settings, tensor.step);
      double[] cell = new double[arrays.length];
      for (int i = 0; i < tensor.parameter.length; i++) {
        for (int s = 0; s < arrays.length; s++) {
          cell[s] = arrays[s][i];
        }
        double gradient = gradient(tensor, step, i);
        tensor.parameter[i] = update.update(tensor.parameter[i], gradient, cell);
        for (int s = 0; s < arrays.length; s++) {
          arrays[s][i] = cell[s];
        }
      }
    }

    private double gradient(Tensor tensor, int step, int i) {
      GoldenInputs inputs = golden.inputs();
      int element = tensor.elements[i];
      return switch (golden.gradient()) {
        case WILD -> inputs.wild(tensor.index, step, element);
        case VANISHING -> inputs.vanishing(tensor.index, step, element);
        case BOWL -> inputs.bowl(tensor.index, element, tensor.parameter[i]);
      };
    }

    private void compare(Snapshot snapshot) {
      for (Tensor tensor : tensors) {
        TensorValues recorded = snapshot.tensors().get(tensor.index);
        String where = "tensor %d after step %d: ".formatted(tensor.index, snapshot.step());
        close(recorded.parameter(), tensor.parameter, PARAMETER_ABSOLUTE, where + "parameter");
        Map<String, double[]> state = new LinkedHashMap<>(tensor.state);
        if (recorded.state().containsKey("step")) {
          state.put("step", new double[] {tensor.step});
        }
        assertEquals(recorded.state().keySet(), state.keySet(), where);
        state.forEach((name, values) -> close(recorded.state().get(name), values, 0, where + name));
      }
    }

    private static void close(Values recorded, double[] actual, double absolute, String what) {
      assertEquals(recorded.sampled().size(), actual.length, what);
      for (int i = 0; i < actual.length; i++) {
        double expected = recorded.sampled().get(i);
        double tolerance = RELATIVE * Math.abs(expected) + absolute;
        assertEquals(expected, actual[i], tolerance, what + ", recorded element " + i);
      }
    }
  }
}
