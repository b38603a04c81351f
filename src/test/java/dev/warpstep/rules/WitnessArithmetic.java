package dev.warpstep.rules;

/** What the rules share: {@code kernels/rules/arithmetic.h} in Java. */
final class WitnessArithmetic {
  private WitnessArithmetic() {}

  static float flushed(float state) {
    return (state < 0 ? -state : state) < Float.MIN_NORMAL ? 0 : state;
  }

  static float squareRoot(float a) {
    return (float) Math.sqrt(a); // correctly rounded: 53 bits are more than 2 * 24 + 2
  }

  static double biasCorrection(double beta, long step) {
    double power = 1;
    double square = beta;
    for (long exponent = step; exponent > 0; exponent >>= 1) {
      if ((exponent & 1) == 1) {
        power *= square;
      }
      square *= square;
    }
    return 1 - power;
  }

  /** An exponential moving average, from the end that it stays closer to. */
  record MovingAverage(float factor, boolean fromOld) {
    static MovingAverage of(double beta) {
      double weight = 1 - beta;
      boolean fromOld = weight < 0.5;
      return new MovingAverage((float) (fromOld ? weight : -beta), fromOld);
    }

    float next(float old, float value) {
      return Math.fma(factor, value - old, fromOld ? old : value);
    }
  }

  /** Sign and coupled weight decay. */
  record GradientTerms(float sign, float weightDecay) {
    static GradientTerms of(boolean maximize, double weightDecay) {
      return new GradientTerms(maximize ? -1 : 1, (float) weightDecay);
    }

    float of(float gradient, float parameter) {
      float signed = sign * gradient;
      return weightDecay != 0 ? Math.fma(weightDecay, parameter, signed) : signed;
    }
  }
}
