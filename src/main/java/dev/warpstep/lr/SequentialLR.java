package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.Arrays;
import java.util.List;

/**
 * One schedule after another: at each milestone the next one begins, at its own epoch 0 and from
 * its own initial learning rates.
 *
 * <p>The schedules must have been made for this sequence and be stepped by it alone. {@code
 * torch.optim.lr_scheduler.SequentialLR}.
 */
public final class SequentialLR extends LRScheduler {
  private final List<LRScheduler> schedulers;
  private final long[] milestones;

  /**
   * @param schedulers in their order; any but {@link ReduceLROnPlateau}
   * @param milestones epochs, at least 0 and none before the one before, at which the second, the
   *     third and so on begins
   * @throws IllegalArgumentException if there are no schedulers, one is of another optimizer or
   *     needs a metric, or there are other milestones
   */
  public SequentialLR(
      Optimizer optimizer, List<? extends LRScheduler> schedulers, long... milestones) {
    super(optimizer);
    ChainedScheduler.checkParts(kind(), optimizer, schedulers);
    this.schedulers = List.copyOf(schedulers);
    this.milestones = milestones.clone();
    Arguments.check(
        milestones.length == schedulers.size() - 1,
        kind(),
        "milestones",
        "%d, one fewer than schedulers".formatted(schedulers.size() - 1),
        milestones.length);
    Arguments.check(
        Arrays.equals(milestones, Arrays.stream(milestones).sorted().toArray())
            && (milestones.length == 0 || milestones[0] >= 0),
        kind(),
        "milestones",
        "at least 0 and in ascending order",
        Arrays.toString(milestones));
    baseLrs(groups().stream().mapToDouble(group -> group.initialLr().orElseThrow()).toArray());
    start();
  }

  /** Which schedule an epoch belongs to. */
  private int index(long epoch) {
    return (int) Arrays.stream(milestones).filter(milestone -> milestone <= epoch).count();
  }

  @Override
  void begin() {
    for (int g = 0; g < groups().size(); g++) {
      groups().get(g).lr(baseLr(g));
    }
    schedulers.get(index(0)).begin();
    reached(0);
  }

  @Override
  void advance() {
    long epoch = lastEpoch() + 1;
    int index = index(epoch);
    if (index > 0 && milestones[index - 1] == epoch) {
      schedulers.get(index).restart();
    } else {
      schedulers.get(index).advance();
    }
    reached(epoch);
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
