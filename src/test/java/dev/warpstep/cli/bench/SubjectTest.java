package dev.warpstep.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
