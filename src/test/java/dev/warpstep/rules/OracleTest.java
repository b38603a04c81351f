package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.HyperParameter;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.cpu.CpuBackend;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** One fp32 step of the native kernels against the oracle on the same fp32 inputs. */
class OracleTest {
  private static final long SEED = 20260101;
  private static final int ELEMENTS = 3000;
  private static final long[] STEPS = {1, 2, 3, 10, 1000, 1_000_000};

  private static CpuBackend backend;

  @BeforeAll
  static void open() {
    System.out.println("OracleTest: seed " + SEED);
    backend = new CpuBackend(1, Optional.empty());
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  /** Parameter and states of many elements, in the order of the kernel, and their gradients. */
  private static final class Inputs {
    final float[][] before;
    final float[] gradient;

    Inputs(float[][] before, float[] gradient) {
      this.before = before;
      this.gradient = gradient;
    }
  }

  @TestFactory
  Stream<DynamicTest> oneStepIsWithinTheDerivedBound() {
    return RulesUnderTest.ALL.stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () -> {
                      double closest = 0;
                      for (long step : STEPS) {
                        closest = Math.max(closest, largestShareOfBound(rule, step));
                      }
                      // A bound that nothing comes near would hold for a wrong formula too.
                      assertTrue(
                          closest > 0.25 || rule.settings().get(HyperParameter.LR) == 0,
                          "the bound is loose: " + closest);
                    }));
  }

  /**
   * Checks every element.
   *
   * @return the largest |error|/bound of an update that was added to nothing: any other hides
   *     behind the parameter's own half ulp
   */
  private static double largestShareOfBound(RuleUnderTest rule, long step) {
    Inputs inputs = inputs(rule, step);
    float[][] after = run(rule, step, inputs);
    double largest = 0;
    for (int i = 0; i < inputs.gradient.length; i++) {
      float parameter = inputs.before[0][i];
      float[] states = states(inputs.before, i);
      double[] exact = exact(rule, step, parameter, inputs.gradient[i], states);
      double[] bound =
          rule.bound().of(rule.settings(), step, parameter, inputs.gradient[i], states);
      for (int array = 0; array < exact.length; array++) {
        int which = array;
        float gradient = inputs.gradient[i];
        assertEquals(
            exact[array],
            after[array][i],
            bound[array],
            () ->
                "%s at step %d, array %d from p = %s, gradient %s, states %s"
                    .formatted(rule, step, which, parameter, gradient, Arrays.toString(states)));
      }
      if (parameter == 0 && exact[0] != 0) {
        largest = Math.max(largest, Math.abs(after[0][i] - exact[0]) / bound[0]);
      }
    }
    return largest;
  }

  @TestFactory
  Stream<DynamicTest> specialGradientsGiveWhatExactArithmeticGives() {
    return RulesUnderTest.ALL.stream()
        .map(rule -> DynamicTest.dynamicTest(rule.name(), () -> checkSpecialGradients(rule)));
  }

  private static void checkSpecialGradients(RuleUnderTest rule) {
    float[] gradients = {
      Float.NaN,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      -0.0f,
      0.0f,
      Float.MIN_VALUE,
      -Float.MIN_VALUE,
      0x1p-130f,
      -0x1.fp-127f,
      Float.MIN_NORMAL,
      1e-30f,
      1e-22f
    };
    int stateCount = rule.oracle().states(rule.settings()).size();
    for (float parameter : new float[] {0.0f, -0.0f, 1.5f, -1e-3f}) {
      float[][] before = new float[stateCount + 1][gradients.length];
      Arrays.fill(before[0], parameter);
      float[][] after = run(rule, 1, new Inputs(before, gradients));
      for (int i = 0; i < gradients.length; i++) {
        float[] states = new float[stateCount];
        double[] exact = exact(rule, 1, parameter, gradients[i], states);
        double[] bound = rule.bound().of(rule.settings(), 1, parameter, gradients[i], states);
        for (int array = 0; array <= stateCount; array++) {
          float actual = after[array][i];
          String what =
              "%s, p = %s, gradient = %s, array %d".formatted(rule, parameter, gradients[i], array);
          if (array > 0 && Double.isInfinite(exact[array])) {
            // inf − inf may come first in fp32, as in torch.lerp; the parameter is NaN either way.
            assertFalse(Float.isFinite(actual), what);
          } else if (!Double.isFinite(exact[array])) {
            assertEquals(exact[array], (double) actual, what);
          } else {
            assertEquals(exact[array], actual, bound[array], what);
          }
        }
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> smallStateIsStoredAsZero() {
    return RulesUnderTest.ALL.stream()
        .filter(rule -> !rule.oracle().states(rule.settings()).isEmpty())
        .map(rule -> DynamicTest.dynamicTest(rule.name(), () -> checkSmallState(rule)));
  }

  /** Zero gradients shrink the state: what was just normal, or is below it, must become zero. */
  private static void checkSmallState(RuleUnderTest rule) {
    float[] small = {
      Float.MIN_VALUE, 0x1p-130f, Math.nextDown(Float.MIN_NORMAL), Float.MIN_NORMAL, 1e-37f
    };
    int stateCount = rule.oracle().states(rule.settings()).size();
    float[][] before = new float[stateCount + 1][];
    before[0] = new float[small.length];
    for (int state = 1; state <= stateCount; state++) {
      before[state] = small.clone();
    }
    float[][] after = run(rule, 2, new Inputs(before, new float[small.length]));
    for (int i = 0; i < small.length; i++) {
      double[] exact = exact(rule, 2, 0, 0, states(before, i));
      for (int state = 1; state <= stateCount; state++) {
        float actual = after[state][i];
        String what = "%s, state %d from %s".formatted(rule, state, small[i]);
        boolean kept = rule.entry().equals("adam_amsgrad") && state == 3;
        if (!kept && Math.abs(exact[state]) < 0.999 * Float.MIN_NORMAL) {
          assertEquals(0.0f, actual, what);
        } else if (Math.abs(exact[state]) > 1.001 * Float.MIN_NORMAL) {
          assertEquals(exact[state], actual, 1e-6 * Math.abs(exact[state]), what);
        }
      }
    }
  }

  /** Random states and gradients of many magnitudes, as a run could have left them. */
  private static Inputs inputs(RuleUnderTest rule, long step) {
    SplittableRandom random = new SplittableRandom(SEED ^ rule.name().hashCode() ^ step);
    List<String> names = rule.oracle().states(rule.settings());
    float[][] before = new float[names.size() + 1][ELEMENTS];
    float[] gradient = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      // Without the parameter's own rounding, all of the update's error is seen.
      before[0][i] = random.nextInt(4) == 0 ? 0 : wide(random);
      gradient[i] = random.nextInt(8) == 0 ? 0 : wide(random);
      float like = random.nextBoolean() ? gradient[i] : wide(random);
      boolean first = step == 1 || random.nextInt(16) == 0;
      for (int state = 0; state < names.size() && !first; state++) {
        float near = (float) (like * (0.5 + random.nextDouble()));
        before[state + 1][i] =
            switch (names.get(state)) {
              case "exp_avg", "grad_avg" -> random.nextBoolean() ? near : -near;
              case "exp_avg_sq", "max_exp_avg_sq" -> near * near;
              case "square_avg" -> near * near;
              case "momentum_buffer" -> random.nextBoolean() ? near : wide(random);
              default -> throw new AssertionError(names.get(state));
            };
      }
      int squares = names.indexOf("square_avg");
      int mean = names.indexOf("grad_avg");
      if (mean >= 0 && !first) {
        // A mean square is never below the square of the mean.
        float deviation = random.nextInt(8) == 0 ? 0 : near(random, before[mean + 1][i]);
        before[squares + 1][i] =
            (float) ((double) before[mean + 1][i] * before[mean + 1][i]) + deviation * deviation;
      }
    }
    return new Inputs(before, gradient);
  }

  /** 1e-12 to 1e6 in magnitude, every decade as likely. */
  private static float wide(SplittableRandom random) {
    double magnitude = Math.pow(10, -12 + 18 * random.nextDouble());
    return (float) (random.nextBoolean() ? magnitude : -magnitude);
  }

  private static float near(SplittableRandom random, float value) {
    return (float) (value * Math.pow(10, 2 - 4 * random.nextDouble()));
  }

  private static double[] exact(
      RuleUnderTest rule, long step, float parameter, float gradient, float[] states) {
    double[] exactStates = new double[states.length];
    Arrays.setAll(exactStates, i -> states[i]);
    double exactParameter =
        rule.oracle().at(rule.settings(), step).update(parameter, gradient, exactStates);
    double[] exact = new double[states.length + 1];
    exact[0] = exactParameter;
    System.arraycopy(exactStates, 0, exact, 1, states.length);
    return exact;
  }

  /** What the kernel makes of the inputs, which stay as they are. */
  private static float[][] run(RuleUnderTest rule, long step, Inputs inputs) {
    float[][] after = Arrays.stream(inputs.before).map(float[]::clone).toArray(float[][]::new);
    List<MemorySegment> states = new ArrayList<>();
    for (int state = 1; state < after.length; state++) {
      states.add(MemorySegment.ofArray(after[state]));
    }
    try (CpuKernel kernel = new CpuKernel(backend, rule, 1);
        PreparedStep prepared =
            kernel.prepare(
                List.of(
                    new CpuKernel.Arrays(
                        MemorySegment.ofArray(after[0]),
                        MemorySegment.ofArray(inputs.gradient),
                        states)),
                step)) {
      assertEquals(rule.oracle().states(rule.settings()), kernel.states());
      prepared.verify();
      prepared.run(false);
    }
    return after;
  }

  /** The states of one element. */
  private static float[] states(float[][] arrays, int element) {
    float[] states = new float[arrays.length - 1];
    for (int state = 0; state < states.length; state++) {
      states[state] = arrays[state + 1][element];
    }
    return states;
  }
}
