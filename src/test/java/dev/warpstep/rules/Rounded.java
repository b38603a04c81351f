package dev.warpstep.rules;

/**
 * An exact number and how far its fp32 counterpart may be from it: running error analysis.
 *
 * <p>Let a be the exact and â the computed operand, |â − a| ≤ e(a). An operation turns the errors
 * of its operands into
 *
 * <pre>
 *   a + b, a − b    e(a) + e(b)
 *   a·b             |a|·e(b) + |b|·e(a) + e(a)·e(b)
 *   a/b             (e(a) + |a/b|·e(b)) / (|b| − e(b))           from â/b̂ − a/b = (â − a − (a/b)(b̂ − b))/b̂
 *   √a              e(a) / (√a + √(a − e(a))), at most √e(a)     from √â − √a = (â − a)/(√â + √a)
 *   max(a, b)       max(e(a), e(b))
 * </pre>
 *
 * and rounds the result r: at most u·|r̂| more, with the unit roundoff u = 2<sup>-24</sup> of fp32
 * (half an ulp, and up to twice that just above a power of two), and 2<sup>-150</sup> below the
 * normal numbers. A fused multiply-add rounds once. Nothing is linearised: cancellation needs no
 * special treatment, since the errors are absolute.
 *
 * @param value exact; double arithmetic stands for that
 * @param error the largest possible |fp32 − value|
 */
record Rounded(double value, double error) {
  /** The unit roundoff, and something for this class being computed in double. */
  private static final double U = 0x1p-24 * (1 + 0x1p-20);

  /**
   * Of a coefficient that is folded in double and rounded once. The worst of the folding is
   * beta<sup>t</sup> by repeated squaring: relative t·2<sup>-53</sup>, 2<sup>-33</sup> at t =
   * 10<sup>6</sup>.
   */
  private static final double FOLDING = 0x1p-32;

  private static final double SUBNORMAL_ROUNDING = 0x1p-150;

  static Rounded exact(double value) {
    return new Rounded(value, 0);
  }

  /** A coefficient; 0 and 1 are exact. */
  static Rounded coefficient(double value) {
    return value == 0 || value == 1
        ? exact(value)
        : new Rounded(value, (U + FOLDING) * Math.abs(value) + SUBNORMAL_ROUNDING);
  }

  Rounded plus(Rounded other) {
    return rounded(value + other.value, error + other.error);
  }

  Rounded minus(Rounded other) {
    return rounded(value - other.value, error + other.error);
  }

  Rounded times(Rounded other) {
    return other.isOne() ? this : rounded(value * other.value, productError(other));
  }

  /** this·factor + addend, rounded once. */
  Rounded times(Rounded factor, Rounded addend) {
    return rounded(value * factor.value + addend.value, productError(factor) + addend.error);
  }

  /**
   * @param atLeast no computed divisor is smaller, whatever its error
   */
  Rounded over(Rounded divisor, double atLeast) {
    double quotient = value / divisor.value;
    double smallest = Math.max(Math.abs(divisor.value) - divisor.error, atLeast);
    return rounded(quotient, (error + Math.abs(quotient) * divisor.error) / smallest);
  }

  Rounded root() {
    double root = Math.sqrt(value);
    double sum = root + Math.sqrt(Math.max(value - error, 0));
    return rounded(root, sum == 0 ? Math.sqrt(error) : Math.min(error / sum, Math.sqrt(error)));
  }

  /** The larger one; which of the two it is may differ in fp32. */
  Rounded max(Rounded other) {
    return new Rounded(Math.max(value, other.value), Math.max(error, other.error));
  }

  /** Zero instead of anything below the smallest normal number. */
  Rounded flushed() {
    return Math.abs(value) - error < Float.MIN_NORMAL
        ? new Rounded(value, error + Float.MIN_NORMAL)
        : this;
  }

  Rounded negated() {
    return new Rounded(-value, error);
  }

  /**
   * The moving average old + (1 − beta)(this − old), computed from the end with the smaller factor
   * c = min(beta, 1 − beta): with an exact value it adds 2u·c·|this − old| + u·|result|.
   */
  Rounded averagedInto(Rounded old, double beta) {
    Rounded difference = minus(old);
    return (1 - beta < 0.5
            ? difference.times(coefficient(1 - beta), old)
            : difference.times(coefficient(-beta), this))
        .flushed();
  }

  /** This gradient with its sign and coupled weight decay. */
  static Rounded gradient(float gradient, boolean maximize, double weightDecay, Rounded parameter) {
    Rounded signed = exact(maximize ? -gradient : gradient);
    return weightDecay == 0 ? signed : coefficient(weightDecay).times(parameter, signed);
  }

  /** What a computed sum of {@code positive} and something not negative cannot fall below. */
  static double smallest(Rounded positive) {
    return (positive.value - positive.error) * (1 - U);
  }

  private boolean isOne() {
    return value == 1 && error == 0;
  }

  private double productError(Rounded other) {
    return Math.abs(value) * other.error + Math.abs(other.value) * error + error * other.error;
  }

  private static Rounded rounded(double value, double operandError) {
    return new Rounded(
        value, operandError + U * (Math.abs(value) + operandError) + SUBNORMAL_ROUNDING);
  }
}
