package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.AveragedParameters;
import dev.warpstep.Device;
import dev.warpstep.GradScaler;
import dev.warpstep.NormType;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import dev.warpstep.StepResult;
import dev.warpstep.golden.FullStepCase;
import dev.warpstep.golden.FullStepCase.Around;
import dev.warpstep.golden.FullStepCase.Scale;
import dev.warpstep.golden.FullStepCase.Snapshot;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.FullStepCase.Values;
import dev.warpstep.golden.FullStepCases;
import dev.warpstep.golden.GoldenCase;
import dev.warpstep.golden.GoldenCase.Dtype;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The fused full step on the CPU against what PyTorch's calls around its optimizers do, in fp32 and
 * fp64.
 */
class FullStepGoldenTest {
  /** PyTorch's own norms in fp32 are up to 6.6e-7 from its norms in fp64. */
  private static final double NORM_RELATIVE = 1e-6;

  /**
   * The spacing of fp32 in [1, 2), halved: what an operation on a parameter of that size rounds.
   */
  private static final double ROUNDING = 0x1p-24;

  @TestFactory
  Stream<DynamicTest> followsPyTorchInFloat() {
    return fullSteps(Dtype.FLOAT32);
  }

  @TestFactory
  Stream<DynamicTest> followsPyTorchInDouble() {
    return fullSteps(Dtype.FLOAT64);
  }

  private static Stream<DynamicTest> fullSteps(Dtype dtype) {
    List<FullStepCase> cases = FullStepCases.of(dtype);
    return Stream.of(1, 2)
        .flatMap(
            threads ->
                cases.stream()
                    .map(
                        golden ->
                            DynamicTest.dynamicTest(
                                golden + ", threads: " + threads, () -> check(golden, threads))));
  }

  private static void check(FullStepCase golden, int threads) {
    try (Device device = Device.cpu(threads);
        Run run = new Run(golden, device)) {
      run.check();
    }
  }

  /**
   * What fp64 is more precise by. PyTorch's scaler multiplies by a reciprocal in fp32 in any case,
   * which is exact for a power of two only.
   */
  private static double unit(FullStepCase golden) {
    boolean exact =
        golden.steps().stream()
            .flatMap(step -> step.scale().stream())
            .allMatch(scale -> Math.scalb(1.0, Math.getExponent(scale.used())) == scale.used());
    return golden.dtype() == Dtype.FLOAT64 && exact ? 0x1p-29 : 1;
  }

  /**
   * How far two fp32 computations of one trajectory may be apart. The values of every case stay
   * below 2.4 and a step moves them by far less, so that rounding the parameter is what counts: two
   * operations in a step, in each computation. The worst of PyTorch's fp32 against its fp64 is
   * 3.7e-7 after 7 steps and 1.0e-6 after 30, where this allows 1e-6 and 7.2e-6.
   */
  private static double tolerance(int steps) {
    double worst = 4 * ROUNDING * steps;
    return steps <= 7 ? Math.min(1e-6, worst) : worst;
  }

  /** One case on one device. */
  private static final class Run implements AutoCloseable {
    private final FullStepCase golden;
    private final List<GoldenTensor> tensors = new ArrayList<>();
    private final Optimizer optimizer;
    private final Optional<GradScaler> scaler;
    private final Optional<AveragedParameters> average;
    private final StepOptions options;

    Run(FullStepCase golden, Device device) {
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
      scaler = golden.scaler().map(s -> scaler(s, device));
      average =
          golden
              .average()
              .map(
                  a ->
                      a.decay().isPresent()
                          ? AveragedParameters.ema(optimizer, a.decay().getAsDouble())
                          : AveragedParameters.swa(optimizer));
      options = options(golden.around());
    }

    private static GradScaler scaler(FullStepCase.Scaler recorded, Device device) {
      return GradScaler.builder()
          .initScale(recorded.initScale())
          .growthFactor(recorded.growthFactor())
          .backoffFactor(recorded.backoffFactor())
          .growthInterval(recorded.growthInterval())
          .build(device);
    }

    private StepOptions options(Around around) {
      var builder = StepOptions.builder().errorIfNonfinite(false).zeroGrad(around.zeroGrad());
      NormType type = around.normType() == 2 ? NormType.TWO : NormType.INFINITY;
      around.maxNorm().ifPresent(maxNorm -> builder.maxNorm(maxNorm, type));
      around.clipValue().ifPresent(builder::clipValue);
      around.gradientScale().ifPresent(builder::gradientScale);
      scaler.ifPresent(builder::gradScaler);
      average.ifPresent(builder::average);
      return builder.build();
    }

    void check() {
      int next = 0;
      long applied = 0;
      for (int step = 1; step <= golden.steps().size(); step++) {
        Step recorded = golden.steps().get(step - 1);
        double scale =
            scaler.map(GradScaler::scale).orElse(golden.around().gradientScale().orElse(1));
        List<MemorySegment> gradients = setGradients(step, scale);
        StepResult result = optimizer.step(options);
        String where = "step " + step;
        assertEquals(recorded.skipped(), result.skipped(), where);
        applied += result.skipped() ? 0 : 1;
        assertEquals(applied, result.appliedSteps(), where);
        assertEquals(scale, result.scale(), where);
        compareNorm(recorded.norm(), result, where);
        recorded.scale().ifPresent(s -> compareScale(s, result, where));
        if (golden.around().zeroGrad()) {
          gradients.forEach(gradient -> assertZero(gradient, where));
        }
        if (golden.snapshots().get(next).step() == step) {
          compare(golden.snapshots().get(next));
          next++;
        }
      }
      assertEquals(golden.snapshots().size(), next);
    }

    /** The memory of the gradients that there are. */
    private List<MemorySegment> setGradients(int step, double scale) {
      List<MemorySegment> gradients = new ArrayList<>();
      for (int t = 0; t < tensors.size(); t++) {
        Parameter parameter = tensors.get(t).parameter();
        if (golden.hasGradient(t, step)) {
          gradients.add(tensors.get(t).gradient(golden, step, scale));
          parameter.gradient(gradients.getLast());
        } else {
          parameter.clearGradient();
        }
      }
      return gradients;
    }

    private void compareNorm(double expected, StepResult result, String where) {
      if (golden.around().maxNorm().isPresent()) {
        assertTrue(result.norm().isPresent(), where);
      }
      result
          .norm()
          .ifPresent(
              norm ->
                  close(expected, norm, unit(golden) * NORM_RELATIVE * expected, where + ", norm"));
    }

    private void compareScale(Scale recorded, StepResult result, String where) {
      assertEquals(recorded.used(), result.scale(), where);
      assertEquals(recorded.next(), scaler.orElseThrow().scale(), where);
      assertEquals(recorded.growthTracker(), scaler.orElseThrow().growthTracker(), where);
    }

    private static void assertZero(MemorySegment gradient, String where) {
      for (byte value : gradient.toArray(ValueLayout.JAVA_BYTE)) {
        assertEquals(0, value, where);
      }
    }

    private void compare(Snapshot snapshot) {
      double tolerance = unit(golden) * tolerance(snapshot.step());
      average.ifPresent(a -> assertEquals(snapshot.averaged(), a.updates()));
      for (int t = 0; t < tensors.size(); t++) {
        String where = "tensor %d after step %d".formatted(t, snapshot.step());
        compare(snapshot.parameters().get(t), tensors.get(t).toDoubles(), tolerance, where);
        if (average.isPresent()) {
          double[] averages = average.get().toDoubleArray(tensors.get(t).parameter());
          compare(snapshot.averages().get(t), averages, tolerance, where + ", average");
        }
      }
    }

    private static void compare(Values recorded, double[] actual, double tolerance, String what) {
      assertEquals(recorded.size(), actual.length, what);
      int[] elements = FullStepCase.sampleIndices(actual.length);
      for (int i = 0; i < elements.length; i++) {
        double expected = recorded.sampled().get(i);
        double allowed = tolerance * Math.max(1, Math.abs(expected));
        close(expected, actual[elements[i]], allowed, what + ", element " + elements[i]);
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
                double allowed = tolerance * (actual.length + sums.ofMagnitudes());
                close(sums.sum(), sum, allowed, what + ", sum");
                close(sums.ofMagnitudes(), ofMagnitudes, allowed, what + ", sum of |x|");
              });
    }

    /** Equal if it is NaN or infinite, otherwise within what is allowed. */
    private static void close(double expected, double actual, double allowed, String what) {
      if (Double.isFinite(expected)) {
        assertEquals(expected, actual, allowed, what);
      } else {
        assertEquals(expected, actual, what);
      }
    }

    @Override
    public void close() {
      average.ifPresent(AveragedParameters::close);
      scaler.ifPresent(GradScaler::close);
      optimizer.close();
    }
  }
}
