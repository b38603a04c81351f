package dev.warpstep.lr;

import dev.warpstep.Optimizer;

/**
 * A learning rate that is a factor of the epoch times the initial one, both measured from a floor.
 *
 * <pre>
 *   lr = floor + (initial lr − floor) · factor(epoch)
 * </pre>
 *
 * <p>If somebody else changed the group's learning rate since, another schedule or the caller, the
 * change stays, as it does in PyTorch:
 *
 * <pre>
 *   lr = floor + (lr − floor) · factor(epoch) / factor(epoch − 1)
 * </pre>
 *
 * <p>PyTorch computes everything so, and its rounding errors add up; here that is for schedules in
 * a chain alone.
 */
abstract sealed class FactorLR extends LRScheduler
    permits StepLR,
        MultiStepLR,
        ConstantLR,
        LinearLR,
        ExponentialLR,
        PolynomialLR,
        CosineAnnealingLR {
  private final double floor;

  FactorLR(Optimizer optimizer, double floor) {
    super(optimizer);
    this.floor = floor;
  }

  /** At an epoch from 0 on. */
  abstract double factor(long epoch);

  @Override
  final double lr(int group, long epoch, double current) {
    double before = epoch == 0 ? 1 : factor(epoch - 1);
    double now = factor(epoch);
    if (current == closedForm(group, before)) {
      return closedForm(group, now);
    }
    if (before == 0) {
      return current + (baseLr(group) - floor) * now;
    }
    return now == before ? current : floor + (current - floor) * (now / before);
  }

  private double closedForm(int group, double factor) {
    double base = baseLr(group);
    return factor == 1 ? base : floor + (base - floor) * factor;
  }

  @Override
  final void restart() {
    apply(0, (group, epoch, current) -> closedForm(group, factor(epoch)));
  }
}
