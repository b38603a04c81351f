package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.Arrays;

/**
 * Decays the learning rate by a factor at given epochs.
 *
 * <pre>
 *   lr = initial lr · gamma^(number of milestones ≤ epoch)
 * </pre>
 *
 * <p>{@code torch.optim.lr_scheduler.MultiStepLR}.
 */
public final class MultiStepLR extends FactorLR {
  private final long[] milestones;
  private final double gamma;

  /**
   * @param gamma factor of a decay, at least 0; PyTorch's default is 0.1
   * @param milestones epochs of a decay, in any order; one given twice counts twice
   * @throws IllegalArgumentException if gamma is out of range
   */
  public MultiStepLR(Optimizer optimizer, double gamma, long... milestones) {
    super(optimizer, 0);
    this.gamma = Arguments.nonNegative(kind(), "gamma", gamma);
    this.milestones = milestones.clone();
    start();
  }

  @Override
  double factor(long epoch) {
    long decays = Arrays.stream(milestones).filter(milestone -> milestone <= epoch).count();
    return StrictMath.pow(gamma, (double) decays);
  }
}
