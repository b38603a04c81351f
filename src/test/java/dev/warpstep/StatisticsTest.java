package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** What a step sums up of each group, against sums written here. */
class StatisticsTest {
  private static final long SEED = 11;
  private static final int[] SIZES = {70_001, 1, 0, 8_192, 9_000, 16_384};

  /** Some tensors in two groups, all of one kind of memory. */
  private static final class Model {
    final List<float[]> gradients = new ArrayList<>();
    final List<Parameter> parameters = new ArrayList<>();

    Model(Arena arena, boolean onHeap) {
      SplittableRandom random = new SplittableRandom(SEED);
      for (int size : SIZES) {
        float[] values = new float[size];
        float[] gradient = new float[size];
        for (int i = 0; i < size; i++) {
          values[i] = (float) random.nextGaussian();
          gradient[i] = random.nextInt(10) == 0 ? 0 : (float) random.nextGaussian() * 4;
        }
        gradients.add(gradient);
        String name = "p" + parameters.size();
        Parameter parameter =
            onHeap
                ? Parameter.of(name, values).gradient(gradient)
                : Parameter.of(name, copy(arena, values)).gradient(copy(arena, gradient));
        parameters.add(parameter);
      }
    }

    private static MemorySegment copy(Arena arena, float[] values) {
      MemorySegment memory = arena.allocate(values.length * 4L, 64);
      return memory.copyFrom(MemorySegment.ofArray(values));
    }

    ParamGroup[] groups() {
      return new ParamGroup[] {
        ParamGroup.of(parameters.subList(0, 2)),
        ParamGroup.of(parameters.subList(2, SIZES.length)).lr(0.5)
      };
    }
  }

  @Test
  void sumsAreThoseOfTheElements() {
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      try (Arena arena = Arena.ofShared();
          Device device = Device.cpu(2)) {
        Model model = new Model(arena, true);
        List<float[]> before = model.parameters.stream().map(Parameter::toArray).toList();
        try (Optimizer optimizer = rule.builder().get().build(device, model.groups())) {
          StepOptions options =
              StepOptions.builder().gradientScale(4).maxNorm(3).statistics(true).build();
          List<GroupStatistics> statistics = optimizer.step(options).statistics().orElseThrow();
          assertEquals(2, statistics.size());
          check(model, before, statistics.get(0), 0, 2, rule.name());
          check(model, before, statistics.get(1), 2, SIZES.length, rule.name());
        }
      }
    }
  }

  private static void check(
      Model model,
      List<float[]> before,
      GroupStatistics statistics,
      int from,
      int to,
      String what) {
    double gradients = 0;
    double parameters = 0;
    double updates = 0;
    long zeros = 0;
    long elements = 0;
    for (int t = from; t < to; t++) {
      float[] after = model.parameters.get(t).toArray();
      for (int i = 0; i < after.length; i++) {
        double g = model.gradients.get(t)[i] / 4.0;
        float update = after[i] - before.get(t)[i];
        gradients += g * g;
        parameters += (double) after[i] * after[i];
        updates += (double) update * update;
        zeros += g == 0 ? 1 : 0;
        elements++;
      }
    }
    // Sums of so many positive terms in another order.
    double relative = 1e-12;
    assertEquals(
        Math.sqrt(gradients),
        statistics.gradientNorm(),
        relative * statistics.gradientNorm(),
        what);
    assertEquals(
        Math.sqrt(parameters),
        statistics.parameterNorm(),
        relative * statistics.parameterNorm(),
        what);
    assertEquals(
        Math.sqrt(updates), statistics.updateNorm(), relative * statistics.updateNorm(), what);
    assertEquals(zeros, statistics.zeroGradients(), what);
    assertEquals(elements, statistics.elements(), what);
    assertTrue(zeros > 0, what);
  }

  @Test
  void neitherThreadsNorMemoryChangeThem() {
    Optional<List<GroupStatistics>> first = Optional.empty();
    for (boolean onHeap : new boolean[] {true, false}) {
      for (int threads = 1; threads <= 3; threads++) {
        try (Arena arena = Arena.ofShared();
            Device device = Device.cpu(threads);
            Adam adam = Adam.builder().build(device, new Model(arena, onHeap).groups())) {
          StepOptions options = StepOptions.builder().statistics(true).build();
          Optional<List<GroupStatistics>> statistics = adam.step(options).statistics();
          first = first.isEmpty() ? statistics : first;
          assertEquals(first, statistics, "%d threads, heap: %s".formatted(threads, onHeap));
        }
      }
    }
  }

  /** The update is what was not lost in rounding. */
  @Test
  void anUpdateThatIsLostInRoundingDoesNotCount() {
    short[] values = {0x3F80, 0x3F80}; // 1 in bf16
    Parameter parameter =
        Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values))
            .gradient(new float[] {0.001f, 1});
    try (Device device = Device.cpu(1);
        SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter))) {
      GroupStatistics statistics =
          sgd.step(StepOptions.builder().statistics(true).build())
              .statistics()
              .orElseThrow()
              .getFirst();
      assertEquals(1, statistics.updateNorm());
      assertEquals(1, statistics.parameterNorm());
    }
  }

  @Test
  void aSkippedStepHasNoneAndAnOldOneIsLost() {
    float[] gradient = {1};
    Parameter parameter = Parameter.of("w", new float[1]).gradient(gradient);
    try (Device device = Device.cpu(1);
        GradScaler scaler = GradScaler.builder().initScale(2).build(device);
        SGD sgd = SGD.builder().build(device, List.of(parameter))) {
      StepOptions options = StepOptions.builder().gradScaler(scaler).statistics(true).build();
      StepResult first = sgd.step(options);
      assertEquals(0.5, first.statistics().orElseThrow().getFirst().gradientNorm());
      StepResult second = sgd.step(options);
      gradient[0] = Float.NaN;
      StepResult third = sgd.step(options);
      assertEquals(Optional.empty(), third.statistics());
      assertThrows(IllegalStateException.class, second::statistics);
      assertEquals(0.5, first.statistics().orElseThrow().getFirst().gradientNorm());
      assertEquals(Optional.empty(), sgd.step(StepOptions.none()).statistics());
    }
  }
}
