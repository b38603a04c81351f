package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.AveragedParameters;
import dev.warpstep.AveragedState;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.StepOptions;
import dev.warpstep.error.DeviceException;
import dev.warpstep.rules.ResumeRun;
import dev.warpstep.rules.ResumeRun.Recipe;
import dev.warpstep.rules.ResumeRun.Snapshot;
import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** A training that stops on one device and goes on, on the other, has the bits of both. */
@OnCuda
class CudaResumeTest {
  private static final int STOPS = 3;
  private static final long SEED = 77;

  @TestFactory
  Stream<DynamicTest> aTrainingMovesBetweenDevices() {
    Map<String, RuleUnderTest> rules = new LinkedHashMap<>();
    RulesUnderTest.ALL.forEach(rule -> rules.putIfAbsent(rule.entry(), rule));
    return rules.values().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () -> {
                      try (Device cpu = Device.cpu(1);
                          Device cuda = Device.cuda()) {
                        for (int stop = 0; stop < STOPS; stop++) {
                          Recipe recipe = Recipe.of(rule, SEED + stop);
                          String never = end(cpu, cpu, recipe).bits().toString();
                          assertEquals(never, end(cuda, cpu, recipe).bits().toString());
                          assertEquals(never, end(cpu, cuda, recipe).bits().toString());
                          assertEquals(never, end(cuda, cuda, recipe).bits().toString());
                        }
                      }
                    }));
  }

  @Test
  void aLoadThatFailsSaysWhichAveragesAreNotToBeTrusted() {
    Simulator simulator = CudaUnderTest.simulator();
    try (Device cuda = Device.cuda();
        Parameter a = Parameter.allocate(cuda, "a", 3);
        Parameter b = Parameter.allocate(cuda, "b", 5);
        SGD sgd = SGD.builder().build(cuda, List.of(a, b));
        AveragedParameters swa = AveragedParameters.swa(sgd)) {
      b.copyFrom(new float[] {1, 2, 3, 4, 5});
      AveragedState before = swa.stateDict();
      sgd.step(StepOptions.builder().average(swa).build());
      AveragedState state = swa.stateDict();
      swa.loadStateDict(before);
      simulator.failCall(
          Optional.of("cuMemcpyHtoDAsync"), 2, CUresult.CUDA_ERROR_INVALID_VALUE, false);
      String message =
          assertThrows(DeviceException.class, () -> swa.loadStateDict(state)).getMessage();
      assertTrue(
          message.endsWith(
              "the averages of [a] were loaded and that of b is not to be trusted, all others and"
                  + " the count are as before"),
          message);
      assertEquals(0, swa.updates());
      swa.loadStateDict(state);
      assertEquals(1, swa.updates());
      assertArrayEquals(b.toArray(), swa.toArray(b));
    }
  }

  private static Snapshot end(Device first, Device second, Recipe recipe) {
    Snapshot snapshot;
    try (ResumeRun run = new ResumeRun(first, recipe, false)) {
      run.steps(0, recipe.stop());
      snapshot = run.snapshot();
    }
    try (ResumeRun run = new ResumeRun(second, recipe, true)) {
      run.load(snapshot);
      run.steps(recipe.stop(), recipe.steps());
      return run.snapshot();
    }
  }
}
