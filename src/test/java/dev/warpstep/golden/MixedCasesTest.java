package dev.warpstep.golden;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.MixedCase.Kind;
import dev.warpstep.golden.MixedCase.Snapshot;
import dev.warpstep.golden.MixedCase.TensorBits;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the files of 16-bit steps hold, and that their cases tell something. */
class MixedCasesTest {
  @Test
  void bothDtypesHaveTheSameCases() {
    for (Kind kind : Kind.values()) {
      List<String> names = names(kind, DType.FLOAT16);
      assertEquals(names, names(kind, DType.BFLOAT16));
      assertEquals(names.size(), names.stream().distinct().count());
    }
  }

  private static List<String> names(Kind kind, DType dtype) {
    return MixedCases.of(kind, dtype).stream().map(MixedCase::name).toList();
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void snapshotsAreWhereTheirKindHasThem(DType dtype) {
    for (MixedCase golden : MixedCases.of(Kind.SINGLE, dtype)) {
      boolean counts = !golden.optimizer().equals("SGD");
      assertEquals(
          counts ? List.of(1, 2, 10, 1000) : List.of(1, 2), stepsOf(golden), golden::toString);
    }
    for (MixedCase golden : MixedCases.of(Kind.SEQUENCE, dtype)) {
      assertEquals(30, golden.steps().size(), golden::toString);
      assertEquals(appliedSteps(golden), stepsOf(golden), golden::toString);
    }
    for (MixedCase golden : MixedCases.of(Kind.MASTER, dtype)) {
      assertEquals(
          golden.scaler().isPresent() ? List.of(7, 30) : List.of(1, 7),
          stepsOf(golden),
          golden::toString);
    }
    allCases(dtype)
        .forEach(
            golden -> {
              for (Snapshot snapshot : golden.snapshots()) {
                assertEquals(golden.sizes().size(), snapshot.tensors().size(), golden::toString);
                for (TensorBits tensor : snapshot.tensors()) {
                  assertEquals(golden.kind() == Kind.MASTER, tensor.master().isPresent());
                  assertEquals(golden.average().isPresent(), tensor.average().isPresent());
                }
              }
            });
  }

  private static Stream<MixedCase> allCases(DType dtype) {
    return Stream.of(Kind.values()).flatMap(kind -> MixedCases.of(kind, dtype).stream());
  }

  private static List<Integer> stepsOf(MixedCase golden) {
    return golden.snapshots().stream().map(Snapshot::step).toList();
  }

  private static List<Integer> appliedSteps(MixedCase golden) {
    return Stream.iterate(1, step -> step + 1)
        .limit(golden.steps().size())
        .filter(step -> !golden.steps().get(step - 1).skipped())
        .toList();
  }

  /** A case in which nothing is clipped, or nothing is not, would not test the condition. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void someStepsClipAndSomeDoNot(DType dtype) {
    allCases(dtype)
        .filter(golden -> golden.maxNorm().isPresent())
        .forEach(
            golden -> {
              double maxNorm = golden.maxNorm().getAsDouble();
              List<Step> applied = golden.steps().stream().filter(s -> !s.skipped()).toList();
              assertTrue(applied.stream().anyMatch(s -> s.norm() > maxNorm), golden::toString);
              assertTrue(applied.stream().anyMatch(s -> s.norm() < maxNorm), golden::toString);
            });
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void everyScalerSkipsAndGrows(DType dtype) {
    allCases(dtype)
        .filter(golden -> golden.scaler().isPresent())
        .forEach(
            golden -> {
              List<Step> steps = golden.steps();
              assertTrue(
                  steps.stream()
                      .map(s -> s.scale().orElseThrow())
                      .anyMatch(s -> s.next() > s.used()),
                  golden::toString);
              for (Step step : steps) {
                boolean backedOff =
                    step.scale().orElseThrow().next() < step.scale().orElseThrow().used();
                assertEquals(!Double.isFinite(step.norm()), step.skipped(), golden::toString);
                assertEquals(step.skipped(), backedOff, golden::toString);
              }
              assertTrue(steps.stream().filter(Step::skipped).count() > 2, golden::toString);
            });
  }
}
