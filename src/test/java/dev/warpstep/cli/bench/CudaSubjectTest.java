package dev.warpstep.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.backend.cuda.OnCuda;
import dev.warpstep.backend.cuda.Simulator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The comparison on a CUDA device. */
@OnCuda
final class CudaSubjectTest {
  private static final ModelShape SHAPE = new ModelShape("tensors", List.of(0L, 17L, 30_000L));

  /** Whose library the software driver has beside it, and a GPU's host perhaps not. */
  private static List<String> ways() {
    return Cublas.whyAbsent().isEmpty() || Simulator.find().isPresent()
        ? List.of("per tensor", "cublas", "foreach")
        : List.of("per tensor", "foreach");
  }

  @ParameterizedTest
  @EnumSource(Rule.class)
  void endsWithTheSameBits(Rule rule) {
    try (CudaPlace place = new CudaPlace(0);
        Subject subject = place.subject(rule, SHAPE)) {
      assertEquals(ways(), List.copyOf(subject.unfused().keySet()));
      assertEquals(Optional.empty(), subject.difference(3, 2));
    }
  }

  @Test
  void takesMoreCopiesThanTheCacheHolds() {
    try (CudaPlace place = new CudaPlace(0);
        Subject subject = place.subject(Rule.ADAM, SHAPE)) {
      long bytes = 3L * Float.BYTES * subject.copies() * SHAPE.parameterCount();
      assertTrue(bytes > 2 * place.workplace().cacheBytes());
    }
  }

  @Test
  void measuresInTheTimeOfTheDevice() {
    try (CudaPlace place = new CudaPlace(0);
        Subject subject = place.subject(Rule.SGD_MOMENTUM, SHAPE)) {
      Row row = Row.measure(place, Rule.SGD_MOMENTUM, SHAPE, subject, 0.1);
      assertEquals(ways(), List.copyOf(row.ratios().keySet()));
      Bandwidth bandwidth = new Bandwidth();
      bandwidth.measure(place, 10_000, 0.1);
      for (Map.Entry<String, Samples> way : row.unfused().entrySet()) {
        assertEquals(row.fused().count(), way.getValue().count(), way::getKey);
      }
      assertTrue(bandwidth.copy() > 0 && bandwidth.stream() > 0);
    }
  }
}
