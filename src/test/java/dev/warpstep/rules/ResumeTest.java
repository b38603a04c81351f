package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Device;
import dev.warpstep.rules.ResumeRun.Recipe;
import dev.warpstep.rules.ResumeRun.Snapshot;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * A training that was stopped anywhere, and goes on in new objects, ends with the bits of one that
 * never stopped. The gate takes a sample of the stops; all of them:
 *
 * <pre>{@code
 * mvn -B -ntp test -Dtest=ResumeTest -Dwarpstep.resume.stops=200 -Dsurefire.failIfNoSpecifiedTests=false
 * }</pre>
 */
class ResumeTest {
  private static final int STOPS = Integer.getInteger("warpstep.resume.stops", 12);
  private static final long SEED = 20_261_128;

  private static final Device DEVICE = Device.cpu(1);

  @BeforeAll
  static void printSeed() {
    System.out.printf("ResumeTest: seed %d, %d stops for each rule%n", SEED, STOPS);
  }

  @AfterAll
  static void closeDevice() {
    DEVICE.close();
  }

  @TestFactory
  Stream<DynamicTest> aResumedTrainingEqualsOneThatNeverStopped() {
    return RulesUnderTest.ALL.stream()
        .map(rule -> DynamicTest.dynamicTest(rule.name(), () -> stopAndResume(rule)));
  }

  private static void stopAndResume(RuleUnderTest rule) {
    SplittableRandom seeds = new SplittableRandom(SEED ^ rule.name().hashCode());
    int skippedBefore = 0;
    int skippedAfter = 0;
    for (int stop = 0; stop < STOPS; stop++) {
      Recipe recipe = Recipe.of(rule, seeds.nextInt());
      Snapshot snapshot;
      Snapshot expected;
      try (ResumeRun uninterrupted = new ResumeRun(DEVICE, recipe, false)) {
        uninterrupted.steps(0, recipe.stop());
        skippedBefore += uninterrupted.skippedSteps();
        snapshot = uninterrupted.snapshot();
        uninterrupted.steps(recipe.stop(), recipe.steps());
        expected = uninterrupted.snapshot();
      }
      try (ResumeRun resumed = new ResumeRun(DEVICE, recipe, true)) {
        resumed.load(snapshot);
        assertEquals(snapshot.bits(), resumed.snapshot().bits(), recipe::toString);
        resumed.steps(recipe.stop(), recipe.steps());
        skippedAfter += resumed.skippedSteps();
        assertEquals(expected.bits(), resumed.snapshot().bits(), recipe::toString);
      }
    }
    assertTrue(skippedBefore > 0 && skippedAfter > 0, "steps were skipped before and after stops");
  }
}
