package dev.warpstep.unfused;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.AdamW;
import dev.warpstep.AveragedParameters;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The unfused full step ends where the fused one does, but for its further roundings. */
class UnfusedFullStepTest {
  private static final int COUNT = 20_011;
  private static final int STEPS = 5;
  private static final double SCALE = 1024;

  @ParameterizedTest
  @CsvSource({"COMPOUND, 1, 3", "COMPOUND, 2, 1e9", "ELEMENTARY, 2, 3"})
  void endsWhereTheFusedOneDoes(UnfusedOptimizer.Passes passes, int threads, double maxNorm) {
    SplittableRandom random = new SplittableRandom(3);
    float[] initial = new float[COUNT];
    for (int i = 0; i < COUNT; i++) {
      initial[i] = (float) random.nextGaussian();
    }
    Tensor tensor = new Tensor("w", initial.clone(), new float[COUNT]);
    UnfusedFullStep unfused =
        new UnfusedFullStep(
            List.of(tensor), new UnfusedFullStep.Settings(0.01, 0.1, SCALE, maxNorm, 0.9), threads);
    Parameter parameter = Parameter.of("w", initial.clone()).gradient(new float[COUNT]);
    try (Device device = Device.cpu(threads);
        AdamW adamw = AdamW.builder().lr(0.01).weightDecay(0.1).build(device, List.of(parameter));
        AveragedParameters ema = AveragedParameters.ema(adamw, 0.9)) {
      StepOptions options =
          StepOptions.builder().gradientScale(SCALE).maxNorm(maxNorm).average(ema).build();
      for (int step = 0; step < STEPS; step++) {
        float[] gradient = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
          gradient[i] = (float) (SCALE * random.nextGaussian());
        }
        System.arraycopy(gradient, 0, tensor.gradient(), 0, COUNT);
        parameter.gradient(gradient);
        double norm = adamw.step(options).norm().orElseThrow();
        assertEquals(norm, unfused.step(passes), 1e-5 * norm);
        assertArrayEquals(new float[COUNT], tensor.gradient());
      }
      assertArrayEquals(parameter.toArray(), tensor.values(), 1e-5f);
      assertArrayEquals(ema.toArray(parameter), unfused.average(0), 1e-5f);
      float[] before = tensor.values().clone();
      tensor.gradient()[7] = Float.NEGATIVE_INFINITY;
      assertEquals(Double.POSITIVE_INFINITY, unfused.step(passes));
      assertArrayEquals(before, tensor.values());
    }
  }
}
