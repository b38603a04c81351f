package dev.warpstep.rules;

/**
 * How far one step in fp32 may be from exact arithmetic on the same fp32 inputs, derived by
 * counting the roundings of the kernel; see {@link Rounded}.
 */
public interface ErrorBound {
  /**
   * The bounds of one element.
   *
   * @param step from 1
   * @param states before the step, in the order of the kernel's
   * @return for the parameter, then for each state, the largest possible |fp32 − exact|
   */
  double[] of(Settings settings, long step, float parameter, float gradient, float[] states);
}
