package dev.warpstep.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Fused and unfused are compared before anything is timed, and differences are seen. */
final class SubjectTest {
  private static final ModelShape SHAPE = new ModelShape("tensors", List.of(0L, 17L, 30_000L));

  @ParameterizedTest
  @EnumSource(Rule.class)
  void endsWithTheSameBitsOnTheCpu(Rule rule) {
    try (Place place = new CpuPlace(2);
        Subject subject = place.subject(rule, SHAPE)) {
      assertEquals(Optional.empty(), subject.difference(3, 4));
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void stepsInEveryPrecisionAndGradientsChangeTheirSigns(Precision precision) {
    try (Place place = new CpuPlace(2);
        Subject subject = place.fused(Rule.RMSPROP, precision, SHAPE)) {
      float[] before = subject.fused().values(2);
      subject.fused().step();
      float[] after = subject.fused().values(2);
      subject.flip();
      subject.fused().step();
      float[] back = subject.fused().values(2);
      for (int i = 0; i < before.length; i++) {
        assertTrue(after[i] > before[i] == back[i] < after[i], "element " + i);
        assertTrue(after[i] != before[i], "element " + i);
      }
    }
  }

  /** Counted by hand, array by array. */
  @ParameterizedTest
  @CsvSource({
    "FP32, 20, 28, 44",
    "FP64, 40, 56, 88",
    "BF16, 10, 14, 26",
    "BF16_MASTER, 20, 28, 40",
    "BF16_REMAINDER, 18, 26, 38",
    "FP16_MASTER, 20, 28, 40"
  })
  void countsTheBytesOfAStep(Precision precision, int rmsprop, int adam, int full) {
    assertEquals(rmsprop, precision.bytesPerParameter(Rule.RMSPROP));
    assertEquals(adam, precision.bytesPerParameter(Rule.ADAM));
    assertEquals(full, precision.bytesPerParameterOfFullStep());
  }

  @Test
  void tellsTheFirstDifference() {
    try (Place place = new CpuPlace(1);
        Subject subject = place.subject(Rule.ADAM, SHAPE)) {
      subject.unfused().get("unfused").step(); // one too many

      String difference = subject.difference(3, 1).orElseThrow();

      assertTrue(
          difference.startsWith("unfused: element 0 of tensor 1 must be "), () -> difference);
    }
  }
}
