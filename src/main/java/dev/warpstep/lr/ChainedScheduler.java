package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.List;

/**
 * Several schedules at once: each changes what the ones before it left.
 *
 * <p>Those that are a factor of the epoch multiply. {@link LambdaLR}, {@link
 * CosineAnnealingWarmRestarts}, {@link CyclicLR} and {@link OneCycleLR} replace the learning rate
 * and belong in front, as in PyTorch.
 *
 * <p>The schedules must have been made for this chain, in its order, and be stepped by it alone.
 * {@code torch.optim.lr_scheduler.ChainedScheduler}.
 */
public final class ChainedScheduler extends LRScheduler {
  private final List<LRScheduler> schedulers;

  /**
   * @param schedulers in the order in which they are stepped; any but {@link ReduceLROnPlateau}
   * @throws IllegalArgumentException if there are no schedulers, or one is of another optimizer or
   *     needs a metric
   */
  public ChainedScheduler(Optimizer optimizer, List<? extends LRScheduler> schedulers) {
    super(optimizer);
    checkParts(kind(), optimizer, schedulers);
    this.schedulers = List.copyOf(schedulers);
  }

  /** Checks the parts of a schedule that is made of others. */
  static void checkParts(String kind, Optimizer optimizer, List<? extends LRScheduler> schedulers) {
    Arguments.check(!schedulers.isEmpty(), kind, "schedulers", "at least one", "none");
    for (LRScheduler scheduler : schedulers) {
      Arguments.check(
          !(scheduler instanceof ReduceLROnPlateau),
          kind,
          "schedulers",
          "without ReduceLROnPlateau, which needs a metric",
          scheduler);
      Arguments.check(
          scheduler.optimizer() == optimizer,
          kind,
          "schedulers",
          "of the same optimizer",
          scheduler + " of another");
    }
  }

  @Override
  void begin() {
    schedulers.forEach(LRScheduler::begin);
    reached(0);
  }

  @Override
  void restart() {
    for (int g = 0; g < groups().size(); g++) {
      groups().get(g).lr(baseLr(g));
    }
    begin();
  }

  @Override
  void advance() {
    schedulers.forEach(LRScheduler::advance);
    reached(lastEpoch() + 1);
  }

  @Override
  double lr(int group, long epoch, double current) {
    return current;
  }

  @Override
  List<LRScheduler> parts() {
    return schedulers;
  }
}
