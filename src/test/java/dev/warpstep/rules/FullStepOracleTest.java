package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.golden.FullStepCase;
import dev.warpstep.golden.FullStepCase.Around;
import dev.warpstep.golden.FullStepCase.Scale;
import dev.warpstep.golden.FullStepCase.Snapshot;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.FullStepCase.Values;
import dev.warpstep.golden.FullStepCases;
import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenCase.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The oracle of full steps against PyTorch in float64: two double computations of one algorithm.
 */
class FullStepOracleTest {
  /**
   * Thirty steps of a few roundings of 2<sup>-53</sup> each, and sums of up to 40,000 squares; the
   * worst seen is a hundredth of it.
   */
  private static final double TOLERANCE = 1e-12;

  private static final Map<String, Oracle> ORACLES =
      Map.of(
          "SGD", new SgdOracle(),
          "RMSprop", new RmspropOracle(),
          "Adam", new AdamOracle(),
          "AdamW", new AdamOracle());

  @TestFactory
  Stream<DynamicTest> followsPyTorchInDouble() {
    return FullStepCases.of(Dtype.FLOAT64).stream()
        .map(golden -> DynamicTest.dynamicTest(golden.toString(), () -> new Run(golden).check()));
  }

  /** One case. */
  private static final class Run {
    private final FullStepCase golden;
    private final Optional<GradScalerOracle> scaler;
    private final Optional<AverageOracle> average;
    private final FullStepOracle oracle;

    Run(FullStepCase golden) {
      this.golden = golden;
      scaler =
          golden
              .scaler()
              .map(
                  s ->
                      new GradScalerOracle(
                          s.initScale(), s.growthFactor(), s.backoffFactor(), s.growthInterval()));
      average = golden.average().map(a -> new AverageOracle(a.decay()));
      Around around = golden.around();
      oracle =
          new FullStepOracle(
              ORACLES.get(golden.optimizer()),
              new FullStepOracle.Clipping(
                  around.gradientScale(), around.maxNorm(), around.normType(), around.clipValue()),
              scaler,
              average);
      for (int t = 0; t < golden.tensors().size(); t++) {
        Tensor tensor = golden.tensors().get(t);
        oracle.add(
            GoldenSettings.complete(golden.optimizer(), golden.groups().get(tensor.group())),
            golden.inputs().initialDoubles(t, tensor.size()));
      }
    }

    void check() {
      int next = 0;
      for (int step = 1; step <= golden.steps().size(); step++) {
        Step recorded = golden.steps().get(step - 1);
        recorded.scale().ifPresent(s -> assertEquals(s.used(), scaler.orElseThrow().scale()));
        FullStepOracle.Outcome outcome = oracle.step(gradients(step));
        close(recorded.norm(), outcome.norm(), recorded.norm(), "norm of step " + step);
        assertEquals(recorded.skipped(), outcome.skipped(), "step " + step);
        Optional<Scale> scale =
            scaler.map(
                s ->
                    new Scale(recorded.scale().orElseThrow().used(), s.scale(), s.growthTracker()));
        assertEquals(recorded.scale(), scale, "step " + step);
        if (golden.snapshots().get(next).step() == step) {
          compare(golden.snapshots().get(next));
          next++;
        }
      }
      assertEquals(golden.snapshots().size(), next);
    }

    private List<double[]> gradients(int step) {
      double scale =
          scaler.map(GradScalerOracle::scale).orElse(golden.around().gradientScale().orElse(1));
      List<double[]> gradients = new ArrayList<>();
      for (int t = 0; t < golden.tensors().size(); t++) {
        gradients.add(
            golden.hasGradient(t, step)
                ? golden.gradient(t, step, oracle.parameter(t), scale)
                : null);
      }
      return gradients;
    }

    private void compare(Snapshot snapshot) {
      assertEquals(snapshot.averaged(), average.map(AverageOracle::updates).orElse(0L));
      for (int t = 0; t < golden.tensors().size(); t++) {
        String where = "tensor %d after step %d".formatted(t, snapshot.step());
        compare(snapshot.parameters().get(t), oracle.parameter(t), where);
        if (average.isPresent()) {
          compare(snapshot.averages().get(t), oracle.average(t), where + ", average");
        }
      }
    }

    private static void compare(Values recorded, double[] actual, String what) {
      assertEquals(recorded.size(), actual.length, what);
      int[] elements = FullStepCase.sampleIndices(actual.length);
      for (int i = 0; i < elements.length; i++) {
        double expected = recorded.sampled().get(i);
        close(expected, actual[elements[i]], Math.max(1, Math.abs(expected)), what);
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
                close(sums.sum(), sum, sums.ofMagnitudes(), what + ", sum");
                close(sums.ofMagnitudes(), ofMagnitudes, sums.ofMagnitudes(), what + ", |sum|");
              });
    }

    /** Equal, NaN and infinities included, or as close as the tolerance says. */
    private static void close(double expected, double actual, double magnitude, String what) {
      if (Double.isFinite(expected)) {
        assertEquals(expected, actual, TOLERANCE * magnitude, what);
      } else {
        assertEquals(expected, actual, what);
      }
    }
  }
}
