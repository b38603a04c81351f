package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.AveragedState;
import dev.warpstep.DType;
import dev.warpstep.GradScalerState;
import dev.warpstep.HyperParameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.StochasticRounding;
import dev.warpstep.lr.SchedulerState;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Random;

/** Checkpoints to save, and whether two are the same. */
final class Samples {
  private Samples() {}

  /** Random bits, NaN of every kind among them. */
  static StateTensor tensor(Random random, DType dtype, Long... shape) {
    long elements = 1;
    for (long dimension : shape) {
      elements *= dimension;
    }
    byte[] bytes = new byte[Math.toIntExact(elements * dtype.sizeBytes())];
    random.nextBytes(bytes);
    return new StateTensor(dtype, List.of(shape), MemorySegment.ofArray(bytes));
  }

  /** Something of everything. */
  static Checkpoint everything(long step, long seed) {
    Random random = new Random(seed);
    Map<String, ParameterState> state = new LinkedHashMap<>();
    List<String> names = new ArrayList<>();
    for (DType dtype : DType.values()) {
      String name = "layer.1/%s \"ж\u0000\uD83D\uDE00\\.".formatted(dtype);
      names.add(name);
      state.put(
          name,
          new ParameterState(
              OptionalLong.of(random.nextLong(Counts.MOST)),
              Map.of(
                  "exp_avg", tensor(random, dtype, 3L, 5L),
                  "exp_avg_sq", tensor(random, dtype, 3L, 5L))));
    }
    state.put(
        "", new ParameterState(OptionalLong.empty(), Map.of("m", tensor(random, DType.FLOAT16))));
    state.put("stateless", new ParameterState(OptionalLong.of(Counts.MOST), Map.of()));
    Map<HyperParameter, Double> hyperParameters = new EnumMap<>(HyperParameter.class);
    for (HyperParameter hyperParameter : HyperParameter.values()) {
      hyperParameters.put(hyperParameter, Double.longBitsToDouble(random.nextLong()));
    }
    List<StateDict.Group> groups =
        List.of(
            new StateDict.Group(hyperParameters, names),
            new StateDict.Group(Map.of(), List.of()),
            new StateDict.Group(
                Map.of(HyperParameter.LR, 0.1 + 0.2, HyperParameter.DAMPENING, -0.0),
                List.of("never stepped", "stateless", "")));
    StateDict optimizer =
        new StateDict(groups, state, Optional.of(new StochasticRounding(Long.MIN_VALUE, 7)));
    SchedulerState part =
        new SchedulerState(
            "ReduceLROnPlateau",
            Map.of(
                "best", List.of(1 / 0.0),
                "lr", List.of(Double.MIN_VALUE, -1 / 0.0, 0 / 0.0, -0.0, Double.MAX_VALUE, 1.1)),
            List.of());
    return Checkpoint.builder(step, optimizer)
        .seed(random.nextLong())
        .parameter("weight", tensor(random, DType.BFLOAT16, 7L))
        .parameter("empty", tensor(random, DType.FLOAT64, 2L, 0L))
        .scheduler("lr", part)
        .scheduler("", new SchedulerState("Séquentiel", Map.of(), List.of(part, part)))
        .scaler(new GradScalerState(65536, 2, 1 / 3.0, 2000, 17))
        .average("ema", new AveragedState(OptionalDouble.of(0.999), 3, averages(random)))
        .average("swa", new AveragedState(OptionalDouble.empty(), Counts.MOST, Map.of()))
        .metadata("", "nothing")
        .metadata("format", "pt")
        .build();
  }

  private static Map<String, StateTensor> averages(Random random) {
    return Map.of(
        "a.b", tensor(random, DType.FLOAT32, 5L), "", tensor(random, DType.FLOAT64, 1L, 1L));
  }

  /** One parameter with two arrays of fp32. */
  static Checkpoint small(long step, int elements) {
    Random random = new Random(step);
    ParameterState state =
        new ParameterState(
            OptionalLong.of(step),
            Map.of(
                "exp_avg", tensor(random, DType.FLOAT32, (long) elements),
                "exp_avg_sq", tensor(random, DType.FLOAT32, (long) elements)));
    StateDict optimizer =
        new StateDict(
            List.of(new StateDict.Group(Map.of(HyperParameter.LR, 1e-3), List.of("w"))),
            Map.of("w", state));
    return Checkpoint.builder(step, optimizer).build();
  }

  /** By bits. */
  static void assertSame(Checkpoint expected, Checkpoint actual) {
    assertEquals(expected.step(), actual.step());
    assertEquals(expected.seed(), actual.seed());
    assertEquals(expected.optimizer().paramGroups(), actual.optimizer().paramGroups());
    assertEquals(expected.optimizer().rounding(), actual.optimizer().rounding());
    assertEquals(
        expected.optimizer().state().keySet(), actual.optimizer().state().keySet(), "states");
    expected
        .optimizer()
        .state()
        .forEach(
            (name, state) -> {
              ParameterState other = actual.optimizer().state().get(name);
              assertEquals(state.step(), other.step(), name);
              assertSame(state.tensors(), other.tensors());
            });
    assertSame(expected.parameters(), actual.parameters());
    assertEquals(expected.schedulers(), actual.schedulers());
    assertEquals(expected.scaler(), actual.scaler());
    assertEquals(expected.averages().keySet(), actual.averages().keySet(), "averages");
    expected
        .averages()
        .forEach(
            (name, average) -> {
              AveragedState other = actual.averages().get(name);
              assertEquals(average.decay(), other.decay());
              assertEquals(average.updates(), other.updates());
              assertSame(average.averages(), other.averages());
            });
    assertEquals(expected.metadata(), actual.metadata());
  }

  private static void assertSame(
      Map<String, StateTensor> expected, Map<String, StateTensor> actual) {
    assertEquals(expected.keySet(), actual.keySet());
    expected.forEach(
        (name, tensor) -> {
          StateTensor other = actual.get(name);
          assertEquals(tensor.dtype(), other.dtype(), name);
          assertEquals(tensor.shape(), other.shape(), name);
          assertEquals(-1, tensor.values().mismatch(other.values()), name);
        });
  }
}
