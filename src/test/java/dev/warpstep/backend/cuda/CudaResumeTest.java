package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.Device;
import dev.warpstep.rules.ResumeRun;
import dev.warpstep.rules.ResumeRun.Recipe;
import dev.warpstep.rules.ResumeRun.Snapshot;
import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
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
