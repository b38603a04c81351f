package dev.warpstep.unfused;

/**
 * What a step of Adam needs besides the tensors, with the bias corrections folded in as the fused
 * rule folds them.
 *
 * @param stepSize lr·√(1 − beta2^t)/(1 − beta1^t)
 * @param eps eps·√(1 − beta2^t)
 */
public record AdamScalars(float stepSize, float eps) {
  /**
   * Those of a step.
   *
   * @param step from 1
   * @param lr learning rate
   * @param beta1 decay of the first moment
   * @param beta2 decay of the second moment
   * @param eps added to the denominator
   */
  public static AdamScalars of(long step, double lr, double beta1, double beta2, double eps) {
    double root = Math.sqrt(1 - power(beta2, step));
    return new AdamScalars((float) (lr * root / (1 - power(beta1, step))), (float) (eps * root));
  }

  /** By repeated squaring, as the fused rule does: Math.pow rounds elsewhere. */
  private static double power(double base, long exponent) {
    double result = 1;
    for (long rest = exponent; rest > 0; rest >>= 1) {
      if ((rest & 1) == 1) {
        result *= base;
      }
      base *= base;
    }
    return result;
  }
}
