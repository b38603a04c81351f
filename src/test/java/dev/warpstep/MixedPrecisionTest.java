package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.bindings.WarpstepPlan;
import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Parameters, gradients and state of fewer and of more bits than fp32, on the CPU. */
class MixedPrecisionTest {
  private static final long SEED = 20_261_128;
  private static final int COUNT = 3_001;

  private Device device;
  private SplittableRandom random;

  @BeforeEach
  void open() {
    device = Device.cpu(2);
    random = new SplittableRandom(SEED);
  }

  @AfterEach
  void close() {
    device.close();
  }

  private float[] floats(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) Math.scalb(random.nextDouble() - 0.5, random.nextInt(-6, 3));
    }
    return values;
  }

  /** Rounds a copy of values to a 16-bit type, by way of a parameter. */
  private static short[] rounded(DType dtype, float[] values) {
    short[] halves = new short[values.length];
    try (Parameter parameter = Parameter.of("any", dtype, MemorySegment.ofArray(halves))) {
      parameter.copyFrom(values);
    }
    return halves;
  }

  private static float[] widened(DType dtype, short[] halves) {
    try (Parameter parameter = Parameter.of("any", dtype, MemorySegment.ofArray(halves.clone()))) {
      return parameter.toArray();
    }
  }

  private static void assertBits(float[] expected, float[] actual, String what) {
    int at = Arrays.mismatch(expected, actual);
    assertEquals(
        -1, at, () -> "%s: element %d is %s, not %s".formatted(what, at, actual[at], expected[at]));
  }

  /** One step in fp32 from the same values, rounded once, is what a 16-bit step is. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT16", "BFLOAT16"})
  void aStepOf16BitsIsAStepOfFp32ThatIsRoundedOnce(DType dtype) {
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      short[] values = rounded(dtype, floats(COUNT));
      float[] wide = widened(dtype, values);
      Parameter half = Parameter.of("w", dtype, MemorySegment.ofArray(values));
      Parameter single = Parameter.of("w", wide);
      try (Optimizer halves = rule.builder().get().build(device, List.of(half));
          Optimizer singles = rule.builder().get().build(device, List.of(single))) {
        for (int step = 0; step < 3; step++) {
          short[] gradient = rounded(dtype, floats(COUNT));
          half.gradient(dtype, MemorySegment.ofArray(gradient));
          single.gradient(widened(dtype, gradient));
          single.copyFrom(half.toArray());
          halves.step();
          singles.step();
          String what = "%s, step %d".formatted(rule, step + 1);
          assertBits(widened(dtype, rounded(dtype, wide)), half.toArray(), what);
          // State is fp32 in both, and has seen the same values.
          halves
              .stateDict()
              .state()
              .forEach(
                  (name, state) ->
                      state
                          .tensors()
                          .forEach(
                              (key, tensor) ->
                                  assertBits(
                                      singles.stateDict().state().get(name).tensor(key).toArray(),
                                      tensor.toArray(),
                                      what + ", " + key)));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT16", "BFLOAT16"})
  void masterWeightsTrainAsFp32(DType dtype) {
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      short[] values = rounded(dtype, floats(COUNT));
      float[] wide = widened(dtype, values);
      float[] own = wide.clone();
      Parameter half = Parameter.of("w", dtype, MemorySegment.ofArray(values));
      Parameter withOwn =
          Parameter.of("v", dtype, MemorySegment.ofArray(values.clone()))
              .master(MemorySegment.ofArray(own));
      Parameter single = Parameter.of("w", wide);
      try (Optimizer halves =
              rule.builder()
                  .get()
                  .masterWeights(MasterWeights.FLOAT32)
                  .build(device, List.of(half, withOwn));
          Optimizer singles = rule.builder().get().build(device, List.of(single))) {
        for (int step = 0; step < 5; step++) {
          float[] gradient = floats(COUNT);
          half.gradient(gradient);
          withOwn.gradient(gradient.clone());
          single.gradient(gradient);
          halves.step();
          singles.step();
        }
        assertBits(wide, master(halves, "w"), rule.name());
        assertBits(wide, own, rule + " with a master of the caller");
        assertBits(widened(dtype, rounded(dtype, wide)), half.toArray(), rule.name());
        assertBits(half.toArray(), withOwn.toArray(), rule.name());
      }
    }
  }

  private static float[] master(Optimizer optimizer, String name) {
    return optimizer.stateDict().state().get(name).tensor("master_param").toArray();
  }

  @Test
  void aRemainderIsExactlyTheMasterWeight() {
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      short[] values = rounded(DType.BFLOAT16, floats(COUNT));
      Parameter remaindered = Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values));
      Parameter mastered = Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values.clone()));
      try (Optimizer remainders =
              rule.builder()
                  .get()
                  .masterWeights(MasterWeights.REMAINDER)
                  .build(device, List.of(remaindered));
          Optimizer masters =
              rule.builder()
                  .get()
                  .masterWeights(MasterWeights.FLOAT32)
                  .build(device, List.of(mastered))) {
        for (int step = 0; step < 5; step++) {
          float[] gradient = floats(COUNT);
          remaindered.gradient(gradient);
          mastered.gradient(gradient);
          remainders.step();
          masters.step();
        }
        float[] exact = master(masters, "w");
        assertBits(exact, master(remainders, "w"), rule.name());
        float[] nearest = mastered.toArray();
        float[] upper = remaindered.toArray();
        for (int i = 0; i < COUNT; i++) {
          boolean tie = (Float.floatToRawIntBits(exact[i]) & 0xFFFF) == 0x8000;
          assertTrue(tie || upper[i] == nearest[i], rule.name());
        }
        // A state dict of one goes into the other.
        float[] before = mastered.toArray();
        remainders.loadStateDict(masters.stateDict());
        assertBits(exact, master(remainders, "w"), rule + ", loaded");
        masters.loadStateDict(remainders.stateDict());
        assertBits(exact, master(masters, "w"), rule + ", loaded back");
        assertBits(before, mastered.toArray(), rule + ", loaded back");
      }
    }
  }

  @Test
  void masterWeightsFollowParametersThatWereChangedWhenTold() {
    short[] values = rounded(DType.BFLOAT16, new float[] {1, 2});
    Parameter parameter = Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values));
    for (MasterWeights kind : List.of(MasterWeights.FLOAT32, MasterWeights.REMAINDER)) {
      try (SGD sgd =
          SGD.builder().lr(0.001).masterWeights(kind).build(device, List.of(parameter))) {
        parameter.copyFrom(new float[] {1, 2});
        parameter.gradient(new float[] {1, 1});
        sgd.step();
        parameter.copyFrom(new float[] {4, 8});
        sgd.reloadMasterWeights();
        sgd.step();
        assertArrayEquals(new float[] {4 - 0.001f, 8 - 0.001f}, master(sgd, "w"), kind.name());
      }
    }
  }

  /**
   * The same bits for any number of threads, other bits for another seed, and a mean that moves.
   */
  @Test
  void stochasticRoundingIsAFunctionOfItsSeedAndUnbiased() {
    short[] first = stochastic(1, 1);
    assertArrayEquals(first, stochastic(1, 1));
    assertArrayEquals(first, stochastic(1, 3));
    assertFalse(Arrays.equals(first, stochastic(2, 1)));
    // 256 steps of 2^-14 from 1: the spacing of bf16 there is 2^-7, so that each is 1/128 of it.
    double mean = 0;
    for (float value : widened(DType.BFLOAT16, first)) {
      mean += value;
    }
    mean /= first.length;
    // A step adds a spacing with probability 1/128: variance 256 · p(1-p) spacings² an element.
    double deviation = Math.sqrt(256 / 128.0 * (1 - 1 / 128.0) / first.length) / 128;
    assertEquals(1 + 256 * Math.scalb(1.0, -14), mean, 5 * deviation);
    short[] nearest = train(UnaryOperator.identity(), 1);
    assertArrayEquals(rounded(DType.BFLOAT16, ones(1)), Arrays.copyOf(nearest, 1));
  }

  private static float[] ones(int count) {
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  private short[] stochastic(long seed, int threads) {
    return train(builder -> builder.stochasticRounding(seed), threads);
  }

  private static short[] train(UnaryOperator<SGD.Builder> settings, int threads) {
    short[] values = rounded(DType.BFLOAT16, ones(20_000));
    float[] gradient = ones(values.length);
    Parameter parameter =
        Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values)).gradient(gradient);
    try (Device cpu = Device.cpu(threads);
        SGD sgd =
            settings
                .apply(SGD.builder().lr(Math.scalb(1.0, -14)).maximize(true))
                .build(cpu, List.of(parameter))) {
      for (int step = 0; step < 256; step++) {
        sgd.step();
      }
    }
    return values;
  }

  @Test
  void aSkippedStepLeavesTheRandomNumbersWhereTheyAre() {
    short[] values = rounded(DType.BFLOAT16, ones(10));
    Parameter parameter = Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values));
    try (GradScaler scaler = GradScaler.builder().build(device);
        AdamW adamw = AdamW.builder().stochasticRounding(3).build(device, List.of(parameter))) {
      StepOptions options = StepOptions.builder().gradScaler(scaler).build();
      float[] gradient = new float[10];
      parameter.gradient(gradient);
      assertFalse(adamw.step(options).skipped());
      gradient[3] = Float.NaN;
      assertTrue(adamw.step(options).skipped());
      assertEquals(new StochasticRounding(3, 1), adamw.stateDict().rounding().orElseThrow());
    }
  }

  /** Everything that a run in bf16 needs to go on is in its state dict and its parameters. */
  @Test
  void aResumedRunHasTheSameBits() {
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      for (MasterWeights kind : MasterWeights.values()) {
        short[] values = rounded(DType.BFLOAT16, floats(COUNT));
        Parameter never = Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values));
        try (Optimizer straight = lowPrecision(rule, kind, 5).build(device, List.of(never))) {
          for (int step = 0; step < 2; step++) {
            never.gradient(floats(COUNT));
            straight.step();
          }
          Parameter stopped =
              Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values.clone()));
          try (Optimizer resumed = lowPrecision(rule, kind, 6).build(device, List.of(stopped))) {
            resumed.loadStateDict(straight.stateDict());
            for (int step = 0; step < 2; step++) {
              float[] gradient = floats(COUNT);
              never.gradient(gradient);
              stopped.gradient(gradient);
              straight.step();
              resumed.step();
            }
            String what = "%s, %s".formatted(rule, kind);
            assertBits(never.toArray(), stopped.toArray(), what);
            assertEquals(straight.stateDict().rounding(), resumed.stateDict().rounding(), what);
          }
        }
      }
    }
  }

  private static Optimizer.Builder<?, ?> lowPrecision(
      RuleUnderTest rule, MasterWeights kind, long seed) {
    Optimizer.Builder<?, ?> builder = rule.builder().get();
    builder.masterWeights(kind).stateDtype(DType.BFLOAT16).stochasticRounding(seed);
    return builder;
  }

  @Test
  void averagesOf16BitParametersAreFp32AndSwappedInRounded() {
    short[] values = rounded(DType.BFLOAT16, new float[] {1, 2, 3});
    Parameter parameter =
        Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values))
            .gradient(new float[] {1, 1, 1});
    try (SGD sgd =
            SGD.builder()
                .lr(0.001)
                .masterWeights(MasterWeights.FLOAT32)
                .build(device, List.of(parameter));
        AveragedParameters ema = AveragedParameters.ema(sgd, 0.5)) {
      StepOptions options = StepOptions.builder().average(ema).build();
      sgd.step(options);
      sgd.step(options);
      // Of the master weights: 0.999 and 0.998, which bf16 could not tell from 1.
      assertEquals(0.9985f, ema.toArray(parameter)[0], 1e-6);
      float[] before = parameter.toArray();
      ema.swapIn();
      assertBits(
          widened(DType.BFLOAT16, rounded(DType.BFLOAT16, new float[] {0.9985f, 1.9985f, 2.9985f})),
          parameter.toArray(),
          "swapped in");
      ema.swapOut();
      assertBits(before, parameter.toArray(), "swapped out");
      assertEquals(0.9985f, ema.toArray(parameter)[0], 1e-6);
    }
  }

  /** What fp32 would lose stays in fp64: scale, clipping and average, too. */
  @Test
  void doublesAreComputedWithInDouble() {
    double tiny = Math.scalb(1.0, -40);
    double[] values = {1, 2};
    double[] gradient = {3 * tiny, 3 * 2 * tiny};
    Parameter parameter =
        Parameter.of("w", values).gradient(DType.FLOAT64, MemorySegment.ofArray(gradient));
    try (SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter));
        AveragedParameters ema = AveragedParameters.ema(sgd, 0.5)) {
      StepOptions options = StepOptions.builder().gradientScale(3).average(ema).build();
      StepResult result = sgd.step(options);
      assertEquals(1 - 3 * tiny * (1.0 / 3), values[0]);
      sgd.step(options);
      assertEquals(2 - 2 * (6 * tiny * (1.0 / 3)), values[1]);
      assertEquals(2 - 1.5 * (6 * tiny * (1.0 / 3)), ema.toDoubleArray(parameter)[1]);
      assertFalse(result.skipped());
    }
  }

  @Test
  void combinationsThatDoNotExistAreRefusedByTheNamesOfBothTypes() {
    Parameter half = Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(new short[2]));
    assertMessage(
        "gradient of parameter w: must be of FLOAT64 exactly if the parameter is, was FLOAT64 of a"
            + " parameter of BFLOAT16",
        () -> half.gradient(DType.FLOAT64, MemorySegment.ofArray(new double[2])));
    Parameter twice = Parameter.of("w", new double[2]);
    assertMessage(
        "gradient of parameter w: must be of FLOAT64 exactly if the parameter is, was FLOAT32 of a"
            + " parameter of FLOAT64",
        () -> twice.gradient(new float[2]));
    Parameter fp16 = Parameter.of("w", DType.FLOAT16, MemorySegment.ofArray(new short[2]));
    assertMessage(
        "master weights as REMAINDER must go with BFLOAT16 parameters, w[2] was FLOAT16",
        () -> SGD.builder().masterWeights(MasterWeights.REMAINDER).build(device, List.of(fp16)));
    assertMessage(
        "master weights of parameter v: must be of a parameter of FLOAT16 or BFLOAT16, was of"
            + " FLOAT32",
        () -> Parameter.of("v", new float[2]).master(MemorySegment.ofArray(new float[2])));
    assertMessage(
        "master of parameter w: must have the parameter's 2 elements, had 3",
        () -> half.master(MemorySegment.ofArray(new float[3])));
    assertMessage(
        "parameter w: must be native memory or a short[], was float[]",
        () -> Parameter.of("w", DType.FLOAT16, MemorySegment.ofArray(new float[2])));
    assertMessage(
        "stateDtype must be FLOAT32, BFLOAT16 or FLOAT16, was FLOAT64; parameters of FLOAT64 have"
            + " FLOAT64 state in any case",
        () -> SGD.builder().stateDtype(DType.FLOAT64));
  }

  private static void assertMessage(String expected, Runnable call) {
    assertEquals(expected, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void stateOfAnotherTypeIsRefused() {
    Parameter parameter = Parameter.of("w", new float[2]).gradient(new float[2]);
    try (Adam single = Adam.builder().build(device, List.of(parameter));
        Adam half = Adam.builder().stateDtype(DType.BFLOAT16).build(device, List.of(parameter))) {
      single.step();
      half.step();
      assertMessage(
          "state exp_avg of w must be FLOAT32 of shape [2], was BFLOAT16 of shape [2]",
          () -> single.loadStateDict(half.stateDict()));
      StateDict rounding =
          new StateDict(
              single.stateDict().paramGroups(),
              single.stateDict().state(),
              java.util.Optional.of(new StochasticRounding(1, 2)));
      assertMessage(
          "state dict must be of an optimizer that rounds to nearest, was of one with stochastic"
              + " rounding",
          () -> single.loadStateDict(rounding));
    }
  }

  @Test
  void typesHaveTheCodesOfTheKernels() {
    assertEquals(WarpstepPlan.WS_FLOAT32(), ElementType.FLOAT32.code());
    assertEquals(WarpstepPlan.WS_FLOAT16(), ElementType.FLOAT16.code());
    assertEquals(WarpstepPlan.WS_BFLOAT16(), ElementType.BFLOAT16.code());
    assertEquals(WarpstepPlan.WS_FLOAT64(), ElementType.FLOAT64.code());
  }

  @Test
  void aGradientMayChangeItsType() {
    short[] values = rounded(DType.BFLOAT16, ones(5));
    Parameter parameter =
        Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values)).gradient(ones(5));
    try (SGD sgd = SGD.builder().lr(0.5).build(device, List.of(parameter))) {
      sgd.step();
      assertEquals(0.5f, parameter.toArray()[4]);
      short[] gradient = rounded(DType.FLOAT16, ones(5));
      parameter.gradient(DType.FLOAT16, MemorySegment.ofArray(gradient));
      sgd.step();
      assertEquals(0, parameter.toArray()[4]);
      assertNotEquals(parameter.dtype(), parameter.gradientDtype().orElseThrow());
    }
  }
}
