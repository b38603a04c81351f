package dev.warpstep.golden;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.golden.FullStepCase.Scale;
import dev.warpstep.golden.FullStepCase.Snapshot;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.FullStepCase.Values;
import dev.warpstep.golden.GoldenCase.Dtype;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/** What the files of full steps hold, and that their cases tell something. */
class FullStepCasesTest {
  private static final List<FullStepCase> FLOATS = FullStepCases.of(Dtype.FLOAT32);
  private static final List<FullStepCase> DOUBLES = FullStepCases.of(Dtype.FLOAT64);

  @Test
  void everyCaseIsCompleteInBothDtypes() {
    assertEquals(names(FLOATS), names(DOUBLES));
    assertEquals(FLOATS.size(), names(FLOATS).stream().distinct().count());
    for (List<FullStepCase> cases : List.of(FLOATS, DOUBLES)) {
      for (FullStepCase golden : cases) {
        assertEquals(30, golden.steps().size(), golden::toString);
        assertEquals(
            List.of(1, 2, 7, 30), golden.snapshots().stream().map(Snapshot::step).toList());
        for (Snapshot snapshot : golden.snapshots()) {
          assertEquals(golden.tensors().size(), snapshot.parameters().size(), golden::toString);
          int averages = golden.average().isPresent() ? golden.tensors().size() : 0;
          assertEquals(averages, snapshot.averages().size(), golden::toString);
        }
      }
    }
  }

  @Test
  void readsWhatTheScriptWrote() {
    FullStepCase golden = byName(FLOATS, "everything_inf_swa/adam");
    assertEquals("Adam", golden.optimizer());
    assertEquals(2, golden.groups().size());
    assertEquals(0.03, golden.groups().get(1).number("lr", 0));
    assertEquals(
        new FullStepCase.Around(
            OptionalDouble.empty(),
            OptionalDouble.of(0.5),
            Double.POSITIVE_INFINITY,
            OptionalDouble.empty(),
            true),
        golden.around());
    assertEquals(new FullStepCase.Scaler(1024, 2, 0.5, 4), golden.scaler().orElseThrow());
    assertEquals(OptionalDouble.empty(), golden.average().orElseThrow().decay());
    assertEquals(6, golden.injections().size());
    assertEquals(Double.NEGATIVE_INFINITY, golden.injections().get(1).value());
    Step second = golden.steps().get(1);
    assertTrue(second.skipped());
    assertEquals(Double.POSITIVE_INFINITY, second.norm());
    assertEquals(new Scale(1024, 512, 0), second.scale().orElseThrow());
    assertEquals(1, golden.snapshots().get(1).averaged());
    assertEquals(25, golden.snapshots().getLast().averaged());
    assertEquals(
        OptionalDouble.of(0.999), byName(FLOATS, "ema_0.999/adam").average().orElseThrow().decay());
  }

  /**
   * Recorded of a step that changes nothing: the sampled elements are where the script saw them.
   */
  @Test
  void samplesTheElementsThatTheScriptSampled() {
    assertArrayEquals(new int[] {0, 1, 2}, FullStepCase.sampleIndices(3));
    assertArrayEquals(
        new int[] {0, 1, 2, 3, 1638, 3277, 4915, 6554, 8189, 8190, 8191, 8192},
        FullStepCase.sampleIndices(8193));
    FullStepCase golden = byName(FLOATS, "everything/adamw");
    assertTrue(golden.steps().getFirst().skipped());
    for (int t = 0; t < golden.tensors().size(); t++) {
      Values recorded = golden.snapshots().getFirst().parameters().get(t);
      float[] initial = golden.inputs().initialFloats(t, recorded.size());
      int[] elements = FullStepCase.sampleIndices(recorded.size());
      double sum = 0;
      for (float value : initial) {
        sum += value;
      }
      for (int i = 0; i < elements.length; i++) {
        assertEquals(recorded.sampled().get(i), initial[elements[i]]);
      }
      assertEquals(recorded.sums().map(GoldenCase.Sums::sum).orElse(sum), sum);
    }
  }

  @Test
  void gradientsAreScaledAndInjected() {
    FullStepCase golden = byName(FLOATS, "scaler_odd/adam");
    float[] floats = golden.inputs().initialFloats(4, 8193);
    double[] doubles = golden.inputs().initialDoubles(4, 8193);
    float[] narrow = golden.gradient(4, 7, floats, 1000);
    double[] wide = golden.gradient(4, 7, doubles, 1000);
    int injected = 8192;
    assertEquals(Double.NEGATIVE_INFINITY, narrow[injected]);
    assertEquals(Double.NEGATIVE_INFINITY, wide[injected]);
    for (int i = 0; i < injected; i++) {
      float drawn = golden.inputs().wild(4, 7, i);
      assertEquals(Math.scalb((double) drawn, -9) * 1000, wide[i]);
      assertEquals((float) wide[i], narrow[i]);
    }
    assertTrue(golden.hasGradient(4, 7));
    assertFalse(byName(FLOATS, "scaler_missing/adam").hasGradient(4, 7));
  }

  /** A case in which nothing is clipped, or nothing is not, would not test the condition. */
  @Test
  void someStepsClipAndSomeDoNot() {
    for (FullStepCase golden : FLOATS) {
      double maxNorm = golden.around().maxNorm().orElse(0);
      if (maxNorm > 0) {
        assertTrue(golden.steps().stream().anyMatch(s -> s.norm() > maxNorm), golden::toString);
        assertTrue(golden.steps().stream().anyMatch(s -> s.norm() < maxNorm), golden::toString);
      }
    }
  }

  @Test
  void everyScalerSkipsAndGrows() {
    for (FullStepCase golden : FLOATS) {
      List<Step> scaled = golden.steps().stream().filter(s -> s.scale().isPresent()).toList();
      assertEquals(golden.scaler().isPresent(), !scaled.isEmpty(), golden::toString);
      assertEquals(
          golden.scaler().isPresent(),
          scaled.stream().anyMatch(s -> s.scale().orElseThrow().next() < scale(s)),
          golden::toString);
      assertEquals(
          golden.scaler().isPresent(),
          scaled.stream().anyMatch(s -> s.scale().orElseThrow().next() > scale(s)),
          golden::toString);
      for (Step step : golden.steps()) {
        assertEquals(
            step.skipped(),
            golden.scaler().isPresent() && !Double.isFinite(step.norm()),
            golden::toString);
      }
    }
  }

  private static double scale(Step step) {
    return step.scale().orElseThrow().used();
  }

  private static FullStepCase byName(List<FullStepCase> cases, String name) {
    Map<String, FullStepCase> byName = new HashMap<>();
    cases.forEach(golden -> byName.put(golden.name(), golden));
    return byName.get(name);
  }

  private static List<String> names(List<FullStepCase> cases) {
    return cases.stream().map(FullStepCase::name).toList();
  }
}
