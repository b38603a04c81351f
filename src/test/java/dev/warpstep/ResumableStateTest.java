package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What scalers and averages hand out and take back. */
class ResumableStateTest {
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
    sgd = SGD.builder().lr(0.5).build(device, List.of(parameter));
  }

  @AfterEach
  void close() {
    sgd.close();
    device.close();
  }

  private static GradScaler.Builder scaler() {
    return GradScaler.builder().initScale(8).growthFactor(4).backoffFactor(0.25).growthInterval(3);
  }

  @Test
  void aScalersStateHasWhatPyTorchsHas() {
    try (GradScaler scaler = GradScaler.builder().build(device)) {
      assertEquals(new GradScalerState(65_536, 2, 0.5, 2_000, 0), scaler.stateDict());
    }
    try (GradScaler scaler = scaler().build(device)) {
      StepOptions options = StepOptions.builder().gradScaler(scaler).build();
      sgd.step(options);
      sgd.step(options);
      assertEquals(new GradScalerState(8, 4, 0.25, 3, 2), scaler.stateDict());
    }
  }

  @Test
  void aScalerGrowsAfterALoadWhenItWouldHaveGrown() {
    try (GradScaler scaler = GradScaler.builder().build(device)) {
      StepOptions options = StepOptions.builder().gradScaler(scaler).build();
      gradient[0] = Float.NaN;
      assertTrue(sgd.step(options).skipped());
      gradient[0] = 1;
      scaler.loadStateDict(new GradScalerState(8, 4, 0.25, 3, 2));
      assertEquals(8, scaler.scale());
      assertEquals(2, scaler.growthTracker());
      assertEquals(8, sgd.step(options).scale());
      assertEquals(new GradScalerState(32, 4, 0.25, 3, 0), scaler.stateDict());
      gradient[0] = Float.NaN;
      sgd.step(options);
      assertEquals(new GradScalerState(8, 4, 0.25, 3, 0), scaler.stateDict());
    }
  }

  @Test
  void aScalerWhoseStepsAreNotCountedHasNoState() {
    try (GradScaler scaler = scaler().build(device)) {
      StepOptions options = StepOptions.builder().gradScaler(scaler, false).build();
      gradient[0] = Float.NaN;
      sgd.step(options);
      assertThrows(IllegalStateException.class, scaler::stateDict);
      scaler.loadStateDict(new GradScalerState(16, 4, 0.25, 3, 1));
      gradient[0] = 1;
      assertEquals(16, sgd.step(options).scale());
      scaler.update();
      assertEquals(new GradScalerState(16, 4, 0.25, 3, 2), scaler.stateDict());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 2, 0.5, 10, 0, scale must be positive and finite in fp32",
    "1e39, 2, 0.5, 10, 0, scale must be positive and finite in fp32",
    "NaN, 2, 0.5, 10, 0, scale must be positive and finite in fp32",
    "8, 1, 0.5, 10, 0, growthFactor must be above 1",
    "8, Infinity, 0.5, 10, 0, growthFactor must be above 1",
    "8, 2, 1, 10, 0, 'backoffFactor must be in (0, 1)'",
    "8, 2, 0.5, 0, 0, growthInterval must be positive",
    "8, 2, 0.5, 10, -1, 'growthTracker must be in [0, growthInterval 10), was -1'",
    "8, 2, 0.5, 10, 10, 'growthTracker must be in [0, growthInterval 10), was 10'"
  })
  void aScalersStateIsInRange(
      double scale, double growth, double backoff, int interval, int tracker, String message) {
    Exception thrown =
        assertThrows(
            IllegalArgumentException.class,
            () -> new GradScalerState(scale, growth, backoff, interval, tracker));
    assertTrue(thrown.getMessage().startsWith("GradScaler: " + message), thrown::getMessage);
  }

  @Test
  void aClosedScalerHasNoState() {
    GradScaler scaler = scaler().build(device);
    GradScalerState state = scaler.stateDict();
    scaler.close();
    assertThrows(IllegalStateException.class, scaler::stateDict);
    assertThrows(IllegalStateException.class, () -> scaler.loadStateDict(state));
  }

  @Test
  void anAveragesStateIsACopyOfItsValuesAndItsCount() {
    try (AveragedParameters ema = AveragedParameters.ema(sgd, 0.75);
        AveragedParameters swa = AveragedParameters.swa(sgd)) {
      sgd.step(StepOptions.builder().average(ema).build());
      AveragedState state = ema.stateDict();
      sgd.step(StepOptions.builder().average(ema).maxNorm(1e9).build());
      assertEquals(OptionalDouble.of(0.75), state.decay());
      assertEquals(1, state.updates());
      assertEquals(List.of("p"), List.copyOf(state.averages().keySet()));
      assertArrayEquals(new float[] {-0.5f, 4}, state.averages().get("p").toArray());
      assertEquals(2, ema.stateDict().updates());
      assertEquals(OptionalDouble.empty(), swa.stateDict().decay());
      assertEquals(0, swa.stateDict().updates());
    }
  }

  @Test
  void anAverageGoesOnFromTheStateItLoads() {
    StateTensor tensor =
        new StateTensor(DType.FLOAT32, List.of(2L), MemorySegment.ofArray(new float[] {8, 8}));
    for (double maxNorm : new double[] {0, 1e9}) { // with a norm pass the device counts
      values[0] = 1;
      values[1] = 2;
      StepOptions.Builder options = StepOptions.builder();
      if (maxNorm > 0) {
        options.maxNorm(maxNorm);
      }
      try (AveragedParameters ema = AveragedParameters.ema(sgd, 0.75)) {
        sgd.step(options.average(ema).build());
        ema.loadStateDict(new AveragedState(OptionalDouble.of(0.5), 7, Map.of("p", tensor)));
        assertArrayEquals(new float[] {8, 8}, ema.toArray(parameter));
        sgd.step(options.build());
        assertArrayEquals(new float[] {(8 - 2) / 2f, (8 + 6) / 2f}, ema.toArray(parameter));
        assertEquals(8, ema.updates());
      }
      try (AveragedParameters swa = AveragedParameters.swa(sgd)) {
        swa.loadStateDict(new AveragedState(OptionalDouble.empty(), 1, Map.of("p", tensor)));
        sgd.step(options.average(swa).build());
        assertArrayEquals(new float[] {(8 - 3.5f) / 2, (8 + 8) / 2f}, swa.toArray(parameter));
        assertEquals(2, swa.updates());
      }
    }
  }

  @Test
  void aParameterThatJoinedLaterIsInTheState() {
    try (AveragedParameters ema = AveragedParameters.ema(sgd, 0.75)) {
      sgd.addParamGroup(ParamGroup.of(Parameter.of("q", new float[] {5})));
      AveragedState state = ema.stateDict();
      assertArrayEquals(new float[] {5}, state.averages().get("q").toArray());
      ema.loadStateDict(state);
    }
  }

  @Test
  void anAveragesStateThatDoesNotFitChangesNothing() {
    Arena arena = Arena.ofShared();
    StateTensor freed = new StateTensor(DType.FLOAT32, List.of(2L), arena.allocate(8, 4));
    arena.close();
    try (AveragedParameters ema = AveragedParameters.ema(sgd, 0.75);
        AveragedParameters swa = AveragedParameters.swa(sgd)) {
      sgd.step(StepOptions.builder().average(ema).build());
      AveragedState good = ema.stateDict();
      StateTensor tensor = good.averages().get("p");
      StateTensor longer =
          new StateTensor(DType.FLOAT32, List.of(3L), MemorySegment.ofArray(new float[3]));
      StateTensor doubles =
          new StateTensor(DType.FLOAT64, List.of(2L), MemorySegment.ofArray(new double[2]));
      Map<String, StateTensor> more = new LinkedHashMap<>(good.averages());
      more.put("q", tensor);
      OptionalDouble decay = OptionalDouble.of(0.1);
      Map<AveragedState, String> bad = new LinkedHashMap<>();
      bad.put(
          new AveragedState(OptionalDouble.empty(), 5, good.averages()),
          "must be of an exponential average, was of a mean");
      bad.put(new AveragedState(decay, 5, Map.of()), "must have averages of the parameters [p]");
      bad.put(new AveragedState(decay, 5, more), "had [p, q]");
      bad.put(new AveragedState(decay, 5, Map.of("q", tensor)), "had [q]");
      bad.put(new AveragedState(decay, 5, Map.of("p", longer)), "state average of p must be");
      bad.put(new AveragedState(decay, 5, Map.of("p", doubles)), "was FLOAT64 of shape [2]");
      bad.put(new AveragedState(decay, 5, Map.of("p", freed)), "must be readable");
      bad.forEach(
          (state, message) -> {
            Exception thrown =
                assertThrows(IllegalArgumentException.class, () -> ema.loadStateDict(state));
            assertTrue(thrown.getMessage().contains(message), thrown::getMessage);
            assertEquals(1, ema.updates());
            assertEquals(OptionalDouble.of(0.75), ema.stateDict().decay());
            assertArrayEquals(tensor.toArray(), ema.toArray(parameter));
          });
      assertThrows(IllegalArgumentException.class, () -> swa.loadStateDict(good));
      assertThrows(
          IllegalArgumentException.class,
          () -> new AveragedState(OptionalDouble.of(1.5), 1, Map.of()));
      assertThrows(IllegalArgumentException.class, () -> new AveragedState(decay, -1, Map.of()));
      assertThrows(
          IllegalArgumentException.class, () -> new AveragedState(decay, (1L << 53) + 1, Map.of()));
    }
  }

  @Test
  void anAverageThatIsSwappedInOrClosedHasNoState() {
    AveragedParameters ema = AveragedParameters.ema(sgd, 0.75);
    AveragedState state = ema.stateDict();
    ema.swapIn();
    assertThrows(IllegalStateException.class, ema::stateDict);
    assertThrows(IllegalStateException.class, () -> ema.loadStateDict(state));
    ema.swapOut();
    ema.close();
    assertThrows(IllegalStateException.class, ema::stateDict);
    assertThrows(IllegalStateException.class, () -> ema.loadStateDict(state));
  }
}
