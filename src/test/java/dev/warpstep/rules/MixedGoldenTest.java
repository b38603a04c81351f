package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.AveragedParameters;
import dev.warpstep.DType;
import dev.warpstep.MasterWeights;
import dev.warpstep.StepOptions;
import dev.warpstep.golden.FullStepCase.Average;
import dev.warpstep.golden.MixedCase;
import dev.warpstep.golden.MixedCase.Bits;
import dev.warpstep.golden.MixedCase.Kind;
import dev.warpstep.golden.MixedCase.Snapshot;
import dev.warpstep.golden.MixedCase.TensorBits;
import dev.warpstep.golden.MixedCases;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Steps over fp16 and bf16 parameters on the CPU against PyTorch's fused form. Both compute in fp32
 * and round once, but not with the same operations: what lies halfway between two 16-bit numbers
 * for one may lie beside it for the other, which makes one ulp.
 */
class MixedGoldenTest {
  /** Of fp32 values of the order of one, whose last bits differ by a few roundings in a step. */
  private static final double ROUNDING = 0x1p-24;

  /** How many of compared values differed at all. */
  private static final class Tally {
    private final ElementWitness witness;
    private int compared;
    private int different;

    Tally(DType dtype) {
      witness = ElementWitness.of(dtype);
    }

    void compare(Bits recorded, short[] actual, String what) {
      short[] expected = recorded.shorts();
      assertEquals(expected.length, actual.length, what);
      for (int i = 0; i < expected.length; i++) {
        int distance = witness.distance(expected[i], actual[i]);
        int element = i;
        assertTrue(
            distance <= 1,
            () ->
                "%s, element %d: must be %s, was %s"
                    .formatted(
                        what,
                        element,
                        witness.widened(expected[element]),
                        witness.widened(actual[element])));
        compared++;
        different += distance;
      }
    }

    /** What is halfway to within some roundings of fp32 is rare; a bias would not be. */
    void assertMostAreEqual() {
      assertTrue(compared > 10_000, () -> "compared " + compared);
      assertTrue(different < compared / 500, () -> different + " of " + compared + " differ");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void oneStepIsWithinOneUlpOfPyTorch(DType dtype) {
    Tally tally = new Tally(dtype);
    for (MixedCase golden : MixedCases.of(Kind.SINGLE, dtype)) {
      for (Snapshot snapshot : golden.snapshots()) {
        single(golden, snapshot, tally);
      }
    }
    tally.assertMostAreEqual();
  }

  private static void single(MixedCase golden, Snapshot snapshot, Tally tally) {
    TensorBits recorded = snapshot.tensors().getFirst();
    try (MixedTraining training = new MixedTraining(golden, MasterWeights.NONE, golden.dtype())) {
      if (snapshot.step() > 1) {
        ElementWitness witness = ElementWitness.of(golden.dtype());
        Map<String, short[]> before = new LinkedHashMap<>();
        for (String name : recorded.state().keySet()) {
          before.put(name, witness.nearest(golden.stateBefore(name)));
        }
        training.load(snapshot.step() - 1, List.of(before));
      }
      training.step(StepOptions.none(), snapshot.step());
      compare(snapshot, training, tally, golden + ", step " + snapshot.step());
    }
  }

  private static void compare(
      Snapshot snapshot, MixedTraining training, Tally tally, String where) {
    for (int t = 0; t < snapshot.tensors().size(); t++) {
      String what = where + ", tensor " + t;
      TensorBits recorded = snapshot.tensors().get(t);
      tally.compare(recorded.parameter(), training.values(t), what);
      for (Map.Entry<String, Bits> state : recorded.state().entrySet()) {
        short[] actual = training.state(t, state.getKey());
        tally.compare(state.getValue(), actual, what + " " + state.getKey());
      }
    }
  }

  /** Every step begins with what PyTorch had, so that each may be off by its own ulp only. */
  @TestFactory
  Stream<DynamicTest> everyStepOfASequenceIsWithinOneUlpOfPyTorch() {
    return cases(Kind.SEQUENCE)
        .map(golden -> DynamicTest.dynamicTest(golden.toString(), () -> sequence(golden)));
  }

  private static Stream<MixedCase> cases(Kind kind) {
    return Stream.of(DType.FLOAT16, DType.BFLOAT16)
        .flatMap(dtype -> MixedCases.of(kind, dtype).stream());
  }

  private static void sequence(MixedCase golden) {
    Tally tally = new Tally(golden.dtype());
    try (MixedTraining training = new MixedTraining(golden, MasterWeights.NONE, golden.dtype());
        Averages averages = new Averages(golden, training)) {
      var options = training.options();
      averages.average.ifPresent(options::average);
      StepOptions built = options.build();
      int next = 0;
      for (int step = 1; step <= golden.steps().size(); step++) {
        training.step(built, step);
        if (golden.steps().get(step - 1).skipped()) {
          continue;
        }
        Snapshot snapshot = golden.snapshots().get(next++);
        assertEquals(step, snapshot.step());
        compare(snapshot, training, tally, "step " + step);
        averages.compare(snapshot);
        proceedFrom(snapshot, training, next);
      }
      assertEquals(golden.snapshots().size(), next);
    }
  }

  private static void proceedFrom(Snapshot snapshot, MixedTraining training, int applied) {
    List<Map<String, short[]>> states = new ArrayList<>();
    for (int t = 0; t < snapshot.tensors().size(); t++) {
      TensorBits recorded = snapshot.tensors().get(t);
      short[] values = recorded.parameter().shorts();
      System.arraycopy(values, 0, training.values(t), 0, values.length);
      Map<String, short[]> state = new LinkedHashMap<>();
      recorded.state().forEach((name, bits) -> state.put(name, bits.shorts()));
      states.add(state);
    }
    training.load(applied, states);
  }

  /** The average of a sequence, if it keeps one, and how far it may be from PyTorch's. */
  private static final class Averages implements AutoCloseable {
    final Optional<AveragedParameters> average;
    private final MixedTraining training;
    private final ElementWitness witness;
    private final Optional<Average> recipe;
    private final List<double[]> errors = new ArrayList<>();

    Averages(MixedCase golden, MixedTraining training) {
      this.training = training;
      this.witness = ElementWitness.of(golden.dtype());
      this.recipe = golden.average();
      this.average =
          recipe.map(
              a ->
                  a.decay().isPresent()
                      ? AveragedParameters.ema(training.optimizer(), a.decay().getAsDouble())
                      : AveragedParameters.swa(training.optimizer()));
      golden.sizes().forEach(size -> errors.add(new double[size]));
    }

    /**
     * The average follows parameters that may be an ulp beside PyTorch's: their differences are
     * averaged alike. A step rounds three times in fp32, on each side.
     */
    void compare(Snapshot snapshot) {
      if (average.isEmpty()) {
        return;
      }
      long updates = average.get().updates();
      assertEquals(snapshot.averaged(), updates);
      double weight = updates == 1 ? 1 : 1 - recipe.orElseThrow().decay().orElse(1 - 1.0 / updates);
      for (int t = 0; t < errors.size(); t++) {
        TensorBits recorded = snapshot.tensors().get(t);
        float[] expected = recorded.average().orElseThrow().floats();
        float[] actual = average.get().toArray(training.parameter(t));
        float[] theirs = witness.widened(recorded.parameter().shorts());
        float[] ours = witness.widened(training.values(t));
        double[] error = errors.get(t);
        for (int i = 0; i < error.length; i++) {
          double ofStep = Math.abs((double) theirs[i] - ours[i]);
          double rounding = 6 * ROUNDING * (Math.abs(theirs[i]) + Math.abs(expected[i]));
          error[i] = (1 - weight) * error[i] + weight * ofStep + rounding;
          assertEquals(expected[i], actual[i], error[i], "average after " + updates);
        }
      }
    }

    @Override
    public void close() {
      average.ifPresent(AveragedParameters::close);
    }
  }

  @TestFactory
  Stream<DynamicTest> masterWeightsFollowPyTorch() {
    return cases(Kind.MASTER)
        .map(golden -> DynamicTest.dynamicTest(golden.toString(), () -> masters(golden)));
  }

  private static void masters(MixedCase golden) {
    List<float[]> masters = new ArrayList<>();
    try (MixedTraining training = new MixedTraining(golden, MasterWeights.NONE, DType.FLOAT32)) {
      for (int t = 0; t < golden.sizes().size(); t++) {
        masters.add(golden.initial(t));
        training.parameter(t).master(MemorySegment.ofArray(masters.get(t)));
      }
      StepOptions options = training.options().build();
      int next = 0;
      for (int step = 1; next < golden.snapshots().size(); step++) {
        training.step(options, step);
        if (golden.snapshots().get(next).step() == step) {
          compareMasters(golden, golden.snapshots().get(next), training, masters);
          next++;
        }
      }
    }
  }

  private static void compareMasters(
      MixedCase golden, Snapshot snapshot, MixedTraining training, List<float[]> masters) {
    int steps = snapshot.step();
    double tolerance = steps <= 7 ? Math.min(1e-6, 4 * ROUNDING * steps) : 4 * ROUNDING * steps;
    ElementWitness witness = ElementWitness.of(golden.dtype());
    for (int t = 0; t < masters.size(); t++) {
      TensorBits recorded = snapshot.tensors().get(t);
      String what = "tensor %d after step %d".formatted(t, steps);
      float[] master = masters.get(t);
      float[] expected = recorded.master().orElseThrow().floats();
      for (int i = 0; i < expected.length; i++) {
        double allowed = tolerance * Math.max(1, Math.abs(expected[i]));
        assertEquals(expected[i], master[i], allowed, what);
      }
      assertArrayEquals(witness.nearest(master), training.values(t), what);
    }
  }

  /** They begin with the rounded parameters, and cannot be given to an optimizer as fp32 values. */
  @TestFactory
  Stream<DynamicTest> mastersOfTheOptimizerHaveTheBitsOfTheCallers() {
    return cases(Kind.MASTER)
        .map(golden -> DynamicTest.dynamicTest(golden.toString(), () -> mastersOfAllKinds(golden)));
  }

  private static void mastersOfAllKinds(MixedCase golden) {
    ElementWitness witness = ElementWitness.of(golden.dtype());
    boolean split = golden.dtype() == DType.BFLOAT16;
    int steps = golden.snapshots().getLast().step();
    List<float[]> masters = new ArrayList<>();
    try (MixedTraining callers = new MixedTraining(golden, MasterWeights.NONE, DType.FLOAT32);
        MixedTraining whole = new MixedTraining(golden, MasterWeights.FLOAT32, DType.FLOAT32);
        MixedTraining halves =
            new MixedTraining(
                golden, split ? MasterWeights.REMAINDER : MasterWeights.FLOAT32, DType.FLOAT32)) {
      for (int t = 0; t < golden.sizes().size(); t++) {
        masters.add(witness.widened(callers.values(t)));
        callers.parameter(t).master(MemorySegment.ofArray(masters.get(t)));
      }
      for (int step = 1; step <= steps; step++) {
        callers.step(step);
        whole.step(step);
        halves.step(step);
        for (int t = 0; t < masters.size(); t++) {
          short[] rounded = witness.nearest(masters.get(t));
          assertArrayEquals(rounded, whole.values(t));
          assertArrayEquals(rounded, callers.values(t));
          assertArrayEquals(split ? awayFromZero(masters.get(t)) : rounded, halves.values(t));
          if (golden.steps().isEmpty() || !golden.steps().get(step - 1).skipped()) {
            assertArrayEquals(masters.get(t), whole.stateTensor(t, "master_param").toArray());
            assertArrayEquals(masters.get(t), halves.stateTensor(t, "master_param").toArray());
          }
        }
      }
    }
  }

  /** The nearest bf16 of numbers that are far from overflow; of a tie the larger magnitude. */
  private static short[] awayFromZero(float[] values) {
    short[] rounded = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      float magnitude = Math.abs(values[i]);
      short lower = (short) ElementWitness.BFLOAT16.lower(magnitude);
      double below = magnitude - ElementWitness.BFLOAT16.magnitude(lower);
      double above = ElementWitness.BFLOAT16.magnitude(lower + 1) - magnitude;
      float nearest = ElementWitness.BFLOAT16.widened((short) (below >= above ? lower + 1 : lower));
      rounded[i] = ElementWitness.BFLOAT16.nearest(Math.copySign(nearest, values[i]));
    }
    return rounded;
  }
}
