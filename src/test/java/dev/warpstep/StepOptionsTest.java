package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a step does besides the update, as a caller sees it. */
class StepOptionsTest {
  private static final float LR = 0.5f;

  private Device device;
  private float[] values;
  private float[] gradient;
  private Parameter parameter;
  private SGD sgd;

  @BeforeEach
  void open() {
    device = Device.cpu(1);
    values = new float[] {1, 2};
    gradient = new float[] {3, -4};
    parameter = Parameter.of("p", values).gradient(gradient);
    sgd = SGD.builder().lr(LR).build(device, List.of(parameter));
  }

  @AfterEach
  void close() {
    sgd.close();
    device.close();
  }

  private static StepOptions.Builder options() {
    return StepOptions.builder();
  }

  @Test
  void noOptionsAreAPlainStep() {
    StepResult result = sgd.step(StepOptions.none());
    assertArrayEquals(new float[] {1 - 1.5f, 2 + 2}, values);
    assertFalse(result.skipped());
    assertEquals(OptionalDouble.empty(), result.norm());
    assertEquals(1, result.scale());
    assertEquals(1, result.appliedSteps());
    sgd.step();
    assertEquals(3, sgd.step(StepOptions.none()).appliedSteps());
  }

  @Test
  void aGradientScaleIsDividedOut() {
    assertEquals(4, sgd.step(options().gradientScale(4).build()).scale());
    assertArrayEquals(new float[] {1 - 0.5f * 0.75f, 2 + 0.5f}, values);
    assertArrayEquals(new float[] {3, -4}, gradient, "gradients are only read");
  }

  @Test
  void aLargeNormIsClippedAndASmallOneIsNot() {
    StepResult clipped = sgd.step(options().maxNorm(2.5).build());
    assertEquals(5, clipped.norm().getAsDouble());
    float coefficient = (float) (2.5 / (5 + 1e-6));
    assertArrayEquals(
        new float[] {1 - LR * (coefficient * 3), 2 + LR * (coefficient * 4)}, values, 1e-7f);
    float before = values[0];
    assertEquals(5, sgd.step(options().maxNorm(10).build()).norm().getAsDouble());
    assertEquals(before - LR * 3, values[0]);
  }

  @Test
  void anInfinityNormIsTheLargestMagnitude() {
    StepResult result = sgd.step(options().maxNorm(1, NormType.INFINITY).build());
    assertEquals(4, result.norm().getAsDouble());
  }

  @Test
  void theNormIsOfUnscaledGradients() {
    StepOptions options = options().maxNorm(1).gradientScale(8).build();
    assertEquals(5.0 / 8, sgd.step(options).norm().getAsDouble());
  }

  @Test
  void elementsAreCutAfterTheNormIsClipped() {
    sgd.step(options().clipValue(3.5).build());
    assertArrayEquals(new float[] {1 - LR * 3, 2 + LR * 3.5f}, values);
    sgd.step(options().clipValue(0).build());
    assertArrayEquals(new float[] {1 - LR * 3, 2 + LR * 3.5f}, values);
  }

  @Test
  void gradientsAreZeroAfterwardsIfAskedFor() {
    sgd.step(options().zeroGrad(true).build());
    assertArrayEquals(new float[2], gradient);
    assertArrayEquals(new float[] {1 - 1.5f, 2 + 2}, values);
  }

  @Test
  void anInfiniteNormWithoutAScalerClipsToZeroAndSpreadsToItsOwnElementOnly() {
    gradient[1] = Float.NEGATIVE_INFINITY;
    StepResult result = sgd.step(options().maxNorm(1).build());
    assertEquals(Double.POSITIVE_INFINITY, result.norm().getAsDouble());
    assertFalse(result.skipped());
    assertArrayEquals(new float[] {1, Float.NaN}, values);
  }

  @Test
  void aNormThatIsNotFiniteIsAnErrorIfAskedFor() {
    gradient[0] = Float.NaN;
    StepOptions options = options().maxNorm(1).errorIfNonfinite(true).zeroGrad(true).build();
    String message = assertThrows(ArithmeticException.class, () -> sgd.step(options)).getMessage();
    assertEquals("the norm of the gradients must be finite, was NaN; nothing was updated", message);
    assertArrayEquals(new float[] {1, 2}, values);
    assertArrayEquals(new float[] {Float.NaN, -4}, gradient);
    gradient[0] = 3;
    assertEquals(1, sgd.step(options).appliedSteps());
  }

  @Test
  void withoutGradientsTheNormIsZero() {
    parameter.clearGradient();
    assertEquals(0, sgd.step(options().maxNorm(1).build()).norm().getAsDouble());
    assertArrayEquals(new float[] {1, 2}, values);
  }

  @Test
  void aScalerSkipsShrinksAndGrows() {
    try (GradScaler scaler = GradScaler.builder().initScale(8).growthInterval(2).build(device)) {
      StepOptions options = options().gradScaler(scaler).zeroGrad(true).build();
      gradient[0] = Float.POSITIVE_INFINITY;
      StepResult skipped = sgd.step(options);
      assertTrue(skipped.skipped());
      assertEquals(8, skipped.scale());
      assertEquals(0, skipped.appliedSteps());
      assertEquals(Double.POSITIVE_INFINITY, skipped.norm().getAsDouble());
      assertArrayEquals(new float[] {1, 2}, values);
      assertArrayEquals(new float[2], gradient, "zeroed after a skip, too");
      assertEquals(4, scaler.scale());
      assertEquals(0, scaler.growthTracker());
      gradient[0] = 4;
      StepResult first = sgd.step(options);
      assertEquals(1 - LR, values[0]);
      assertEquals(1, first.appliedSteps());
      assertEquals(1, scaler.growthTracker());
      sgd.step(options);
      assertEquals(8, scaler.scale());
      assertEquals(0, scaler.growthTracker());
      assertEquals(0, skipped.appliedSteps(), "an early result stays what it was");
    }
  }

  @Test
  void severalOptimizersShareAScaler() {
    Parameter second = Parameter.of("q", new float[] {1}).gradient(new float[] {Float.NaN});
    try (GradScaler scaler = GradScaler.builder().initScale(2).build(device);
        SGD other = SGD.builder().lr(LR).build(device, List.of(second))) {
      StepOptions options = options().gradScaler(scaler, false).build();
      assertThrows(IllegalStateException.class, scaler::update);
      assertFalse(sgd.step(options).skipped());
      assertEquals(1 - LR * 1.5f, values[0]);
      assertTrue(other.step(options).skipped());
      assertEquals(2, scaler.scale());
      String message =
          assertThrows(IllegalStateException.class, () -> sgd.step(options)).getMessage();
      assertTrue(message.contains("were unscaled since the last update()"), message);
      scaler.update();
      assertEquals(1, scaler.scale());
      scaler.update(16);
      assertEquals(16, sgd.step(options).scale());
    }
  }

  /** An infinity from before must not shrink the scale that replaced it. */
  @Test
  void aScaleThatIsSetForgetsInfinities() {
    try (GradScaler scaler = GradScaler.builder().build(device)) {
      StepOptions options = options().gradScaler(scaler, false).build();
      gradient[0] = Float.POSITIVE_INFINITY;
      assertTrue(sgd.step(options).skipped());
      scaler.scale(); // what the device knows is known here, too
      scaler.update(16);
      gradient[0] = 1;
      assertFalse(sgd.step(options).skipped());
      scaler.update();
      assertEquals(16, scaler.scale());
      assertEquals(1, scaler.growthTracker());
    }
  }

  @Test
  void aSkippedStepLeavesEveryBit() {
    Random random = new Random(11);
    for (int trial = 0; trial < 1_000; trial++) {
      int size = 1 + random.nextInt(20_000);
      float[] weights = new float[size];
      float[] gradients = new float[size];
      for (int i = 0; i < size; i++) {
        weights[i] = random.nextFloat();
        gradients[i] = random.nextFloat();
      }
      Parameter p = Parameter.of("p", weights).gradient(gradients);
      try (Adam adam = Adam.builder().build(device, List.of(p));
          GradScaler scaler = GradScaler.builder().build(device);
          AveragedParameters ema = AveragedParameters.ema(adam, 0.9)) {
        StepOptions options = options().gradScaler(scaler).maxNorm(1).average(ema).build();
        adam.step(options);
        StateDict before = adam.stateDict();
        float[] weightsBefore = weights.clone();
        float[] emaBefore = ema.toArray(p);
        int at = random.nextInt(size);
        gradients[at] = random.nextBoolean() ? Float.NaN : Float.NEGATIVE_INFINITY;
        float[] gradientsBefore = gradients.clone();
        assertTrue(adam.step(options).skipped(), "position " + at + " of " + size);
        assertArrayEquals(weightsBefore, weights);
        assertArrayEquals(gradientsBefore, gradients);
        assertArrayEquals(emaBefore, ema.toArray(p));
        assertEquals(1, ema.updates());
        for (String name : List.of("exp_avg", "exp_avg_sq")) {
          assertArrayEquals(
              before.state().get("p").tensors().get(name).toArray(),
              adam.state().get(p).tensors().get(name).toArray());
        }
        assertEquals(1, adam.state().get(p).step().orElseThrow());
      }
    }
  }

  @Test
  void anExponentialAverageBeginsWithTheFirstValues() {
    try (AveragedParameters ema = AveragedParameters.ema(sgd, 0.75)) {
      assertArrayEquals(new float[] {1, 2}, ema.toArray(parameter));
      StepOptions options = options().average(ema).build();
      sgd.step(options);
      assertArrayEquals(new float[] {-0.5f, 4}, ema.toArray(parameter));
      sgd.step(options);
      assertArrayEquals(new float[] {-0.5f - 1.5f / 4, 4.5f}, ema.toArray(parameter));
      sgd.step(); // does not count
      assertEquals(2, ema.updates());
      sgd.step(options().average(ema).maxNorm(100).build());
      assertEquals(3, ema.updates());
    }
  }

  @Test
  void aMeanOfAllValues() {
    try (AveragedParameters swa = AveragedParameters.swa(sgd)) {
      StepOptions plain = options().average(swa).build();
      StepOptions measured = options().average(swa).maxNorm(1e9).build();
      for (int step = 1; step <= 9; step++) {
        sgd.step(step % 3 == 0 ? measured : plain);
        assertEquals(1 - 1.5f * (step + 1) / 2, swa.toArray(parameter)[0], 1e-5f);
      }
      assertEquals(9, swa.updates());
    }
  }

  /** As torch.optim.swa_utils.AveragedModel, which knows no gradients. */
  @Test
  void parametersWithoutAGradientAreAveragedToo() {
    float[] still = {8};
    Parameter other = Parameter.of("q", still);
    try (SGD both = SGD.builder().lr(LR).build(device, List.of(parameter, other));
        AveragedParameters ema = AveragedParameters.ema(both, 0.5)) {
      StepOptions options = options().average(ema).zeroGrad(true).build();
      both.step(options);
      still[0] = 4;
      both.step(options);
      assertArrayEquals(new float[] {6}, ema.toArray(other));
      assertArrayEquals(new float[] {4}, still);
    }
  }

  @Test
  void averagesAreSwappedInForEvaluationAndOutForTraining() {
    try (AveragedParameters ema = AveragedParameters.ema(sgd, 0.75)) {
      StepOptions options = options().average(ema).build();
      sgd.step(options);
      sgd.step(options);
      float[] trained = values.clone();
      float[] averaged = ema.toArray(parameter);
      assertNotEquals(Arrays.toString(trained), Arrays.toString(averaged));
      ema.swapIn();
      assertArrayEquals(averaged, values);
      assertThrows(IllegalStateException.class, sgd::step);
      assertThrows(IllegalStateException.class, () -> sgd.step(options));
      assertThrows(IllegalStateException.class, ema::swapIn);
      ema.swapOut();
      assertArrayEquals(trained, values);
      assertThrows(IllegalStateException.class, ema::swapOut);
      sgd.step(options);
    }
    sgd.step();
  }

  @Test
  void anOldResultIsLost() {
    StepOptions options = options().maxNorm(1).build();
    StepResult first = sgd.step(options);
    StepResult asked = sgd.step(options);
    assertEquals(2, asked.appliedSteps());
    for (int i = 0; i < 100; i++) {
      sgd.step(options);
    }
    assertEquals(2, asked.appliedSteps());
    assertThrows(IllegalStateException.class, first::norm);
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY, 1e-50, 1e50})
  void badScalesAreRefused(double scale) {
    for (String message :
        List.of(
            assertThrows(
                    IllegalArgumentException.class,
                    () -> StepOptions.builder().gradientScale(scale))
                .getMessage(),
            assertThrows(
                    IllegalArgumentException.class, () -> GradScaler.builder().initScale(scale))
                .getMessage())) {
      assertTrue(message.endsWith("was " + scale), message);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1e-9, Double.NaN, Double.NEGATIVE_INFINITY})
  void badLimitsAreRefused(double limit) {
    assertThrows(IllegalArgumentException.class, () -> StepOptions.builder().maxNorm(limit));
    assertThrows(IllegalArgumentException.class, () -> StepOptions.builder().clipValue(limit));
    assertThrows(IllegalArgumentException.class, () -> AveragedParameters.ema(sgd, limit));
  }

  @Test
  @SuppressWarnings("try") // closing early is what is tested
  void whatContradictsItselfIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> AveragedParameters.ema(sgd, 1.001));
    assertThrows(IllegalArgumentException.class, () -> GradScaler.builder().growthFactor(1));
    assertThrows(IllegalArgumentException.class, () -> GradScaler.builder().backoffFactor(1));
    assertThrows(IllegalArgumentException.class, () -> GradScaler.builder().backoffFactor(0));
    assertThrows(IllegalArgumentException.class, () -> GradScaler.builder().growthInterval(0));
    try (GradScaler scaler = GradScaler.builder().build(device);
        Device other = Device.cpu(1);
        GradScaler elsewhere = GradScaler.builder().build(other)) {
      StepOptions.Builder both = options().gradScaler(scaler).gradientScale(2);
      assertThrows(IllegalArgumentException.class, both::build);
      StepOptions.Builder error = options().gradScaler(scaler).errorIfNonfinite(true);
      assertThrows(IllegalArgumentException.class, error::build);
      StepOptions foreign = options().gradScaler(elsewhere).build();
      assertThrows(IllegalArgumentException.class, () -> sgd.step(foreign));
      scaler.close();
      assertThrows(IllegalStateException.class, scaler::scale);
      assertThrows(IllegalStateException.class, () -> options().gradScaler(scaler).build());
    }
    try (SGD second = SGD.builder().build(device, List.of(Parameter.of("q", new float[1])));
        AveragedParameters average = AveragedParameters.ema(second, 0.5)) {
      StepOptions foreign = options().average(average).build();
      assertThrows(IllegalArgumentException.class, () -> sgd.step(foreign));
    }
    assertArrayEquals(new float[] {1, 2}, values);
  }
}
