package dev.warpstep.rules;

import java.util.SplittableRandom;

/**
 * Inputs of a parity test, and what the witness makes of them. A cell knows no neighbours, so that
 * a slice of these arrays is the expectation of a tensor of any size at any place.
 */
public final class ParityInputs {
  private static final float[] SPECIAL = {
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.MAX_VALUE,
    Float.MIN_VALUE,
    Float.MIN_NORMAL,
    -Float.MIN_NORMAL,
    Math.nextDown(Float.MIN_NORMAL)
  };

  private final float[][] before;
  private final float[][] gradients;
  private final float[][] after;

  private ParityInputs(float[][] before, float[][] gradients, float[][] after) {
    this.before = before;
    this.gradients = gradients;
    this.after = after;
  }

  /**
   * @param firstStep of {@code steps} consecutive ones
   * @param states how many arrays the kernel keeps
   */
  static ParityInputs of(
      RuleUnderTest rule,
      SplittableRandom random,
      int elements,
      long firstStep,
      int steps,
      int states) {
    float[][] before = new float[states + 1][elements];
    for (int array = 0; array < before.length; array++) {
      boolean square = array > 0 && isSquare(rule, array - 1);
      for (int i = 0; i < elements; i++) {
        float value = any(random);
        before[array][i] = square ? Math.abs(value) : value;
      }
    }
    float[][] gradients = new float[steps][elements];
    for (float[] gradient : gradients) {
      for (int i = 0; i < elements; i++) {
        gradient[i] = any(random);
      }
    }
    float[][] after = new float[before.length][];
    for (int array = 0; array < after.length; array++) {
      after[array] = before[array].clone();
    }
    float[][] afterStates = new float[states][];
    System.arraycopy(after, 1, afterStates, 0, states);
    for (int step = 0; step < steps; step++) {
      rule.witness()
          .step(rule.settings(), firstStep + step, after[0], gradients[step], afterStates);
    }
    return new ParityInputs(before, gradients, after);
  }

  private static boolean isSquare(RuleUnderTest rule, int state) {
    return rule.oracle().states(rule.settings()).get(state).contains("sq");
  }

  /**
   * Of 64 values: 1 special, 4 any pattern of 32 bits, 3 near the smallest normal number and 2 near
   * its root, where what is flushed begins, 6 zeros; all others 1e-12 to 1e6.
   */
  public static float any(SplittableRandom random) {
    int kind = random.nextInt(64);
    int bits = random.nextInt();
    if (kind == 0) {
      return SPECIAL[random.nextInt(SPECIAL.length)];
    } else if (kind < 5) {
      return Float.intBitsToFloat(bits);
    } else if (kind < 8) {
      return scaled(bits, random.nextInt(-129, -123));
    } else if (kind < 10) {
      return scaled(bits, random.nextInt(-65, -57));
    } else if (kind < 16) {
      return bits < 0 ? -0.0f : 0.0f;
    }
    return scaled(bits, random.nextInt(-40, 20));
  }

  /** Sign and mantissa of the bits, in [2^exponent, 2^(exponent + 1)). */
  private static float scaled(int bits, int exponent) {
    return Math.scalb(Float.intBitsToFloat(0x3F800000 | (bits & 0x807FFFFF)), exponent);
  }

  int states() {
    return before.length - 1;
  }

  int steps() {
    return gradients.length;
  }

  /** Array 0 is the parameter, the others are the kernel's states. */
  float[] before(int array) {
    return before[array];
  }

  /** The gradient of the step with an index from 0. */
  float[] gradient(int step) {
    return gradients[step];
  }

  float[] after(int array) {
    return after[array];
  }

  /** Cells whose parameter is finite afterwards and did change: a test of others proves little. */
  double shareAlive() {
    int alive = 0;
    for (int i = 0; i < after[0].length; i++) {
      if (Float.isFinite(after[0][i]) && after[0][i] != before[0][i]) {
        alive++;
      }
    }
    return (double) alive / after[0].length;
  }
}
