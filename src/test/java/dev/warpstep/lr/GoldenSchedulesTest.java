package dev.warpstep.lr;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.lr.GoldenSchedules.Case;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every schedule against PyTorch's values, and against itself after a stop and a resume. */
class GoldenSchedulesTest {
  /**
   * PyTorch multiplies from epoch to epoch: some 60 roundings, and where a cosine or a line nears
   * its end, those of a difference of almost equal numbers.
   */
  private static final double RELATIVE = 1e-13;

  /** What PyTorch's multiplications leave where the closed form is zero. */
  private static final double ZERO = 1e-18;

  private static final long SEED = 7;

  private final Device device = Device.cpu(1);

  @AfterEach
  void close() {
    device.close();
  }

  static List<Case> cases() {
    return GoldenSchedules.all();
  }

  @Test
  void thereAreAsManyCasesAsWereWritten() {
    List<Case> cases = cases();
    assertTrue(cases.size() >= 200, () -> "only " + cases.size());
    cases.forEach(golden -> assertEquals(60, golden.epochs(), golden::name));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void hasTheValuesOfPyTorch(Case golden) {
    try (Optimizer optimizer = golden.optimizer(device)) {
      LRScheduler schedule = golden.schedule(optimizer);
      for (int epoch = 0; epoch <= golden.epochs(); epoch++) {
        if (epoch > 0) {
          golden.step(schedule, epoch);
        }
        assertEquals(golden.lastEpoch(epoch), schedule.lastEpoch());
        for (Map.Entry<HyperParameter, List<List<Double>>> of : golden.values().entrySet()) {
          for (int g = 0; g < golden.lrs().size(); g++) {
            double expected = of.getValue().get(g).get(epoch);
            double was = optimizer.paramGroups().get(g).get(of.getKey());
            String where = "%s of group %d at epoch %d".formatted(of.getKey(), g, epoch);
            assertEquals(expected, was, Math.abs(expected) * RELATIVE + ZERO, where);
          }
        }
        assertEquals(
            optimizer.paramGroups().stream().map(ParamGroup::lr).toList(), schedule.getLastLr());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aResumedScheduleContinuesByBits(Case golden) {
    int stop = new Random(SEED + golden.name().hashCode()).nextInt(golden.epochs());
    SchedulerState state;
    List<List<Double>> uninterrupted = new ArrayList<>();
    try (Optimizer optimizer = golden.optimizer(device)) {
      LRScheduler schedule = golden.schedule(optimizer);
      for (int epoch = 1; epoch <= stop; epoch++) {
        golden.step(schedule, epoch);
      }
      state = schedule.stateDict();
      continueFrom(golden, stop, optimizer, schedule, uninterrupted);
    }
    List<List<Double>> resumed = new ArrayList<>();
    try (Optimizer optimizer = golden.optimizer(device)) {
      LRScheduler schedule = golden.schedule(optimizer);
      schedule.loadStateDict(state);
      assertEquals(state, schedule.stateDict());
      continueFrom(golden, stop, optimizer, schedule, resumed);
    }
    assertEquals(uninterrupted, resumed, () -> "stopped at epoch " + stop);
  }

  private static void continueFrom(
      Case golden, int stop, Optimizer optimizer, LRScheduler schedule, List<List<Double>> values) {
    for (int epoch = stop; epoch <= golden.epochs(); epoch++) {
      if (epoch > stop) {
        golden.step(schedule, epoch);
      }
      for (HyperParameter what : golden.values().keySet()) {
        values.add(optimizer.paramGroups().stream().map(group -> group.get(what)).toList());
      }
    }
  }
}
