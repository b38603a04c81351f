package dev.warpstep.lr;

import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.StepResult;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * Sets the learning rates of an optimizer's param groups, epoch by epoch.
 *
 * <pre>{@code
 * LRScheduler schedule = new CosineAnnealingLR(adam, epochs);
 * for (int epoch = 0; epoch < epochs; epoch++) {
 *   train(adam);                // any number of adam.step()
 *   schedule.step();            // the next epoch's learning rates
 * }
 * }</pre>
 *
 * <p>Its constructor applies epoch 0. A group's initial learning rate is the one it had when its
 * first schedule was made ({@link ParamGroup#initialLr}); all schedules start from it.
 *
 * <p>One thread at a time, together with the optimizer.
 */
public abstract sealed class LRScheduler
    permits FactorLR,
        LambdaLR,
        MultiplicativeLR,
        CosineAnnealingWarmRestarts,
        CyclicLR,
        OneCycleLR,
        SWALR,
        ReduceLROnPlateau,
        SequentialLR,
        ChainedScheduler {
  private static final String LAST_EPOCH = "last_epoch";
  private static final String BASE_LRS = "base_lrs";
  private static final String LAST_LR = "_last_lr";
  private static final String LR = "lr";

  private final Optimizer optimizer;
  private final Optional<HyperParameter> cycled;
  private double[] baseLrs;
  private double[] lastLrs;
  private long lastEpoch;

  /** A group's learning rate at an epoch, given its present one. */
  @FunctionalInterface
  interface Rate {
    double at(int group, long epoch, double current);
  }

  LRScheduler(Optimizer optimizer) {
    this(optimizer, Optional.empty());
  }

  /**
   * @param cycled what is written besides the learning rate
   */
  LRScheduler(Optimizer optimizer, Optional<HyperParameter> cycled) {
    this.optimizer = optimizer;
    this.cycled = cycled;
    baseLrs = all(group -> group.initialLr().orElse(group.lr()));
    lastLrs = all(ParamGroup::lr);
  }

  /**
   * Goes to the next epoch, and sets the groups' learning rates to its.
   *
   * @throws IllegalArgumentException if a value is out of its range, for example because a function
   *     of the caller's gave NaN; nothing changes
   * @throws IllegalStateException if the optimizer is closed, or its groups are not those the
   *     schedule was made for; nothing changes
   */
  public void step() {
    atomically(this::advance);
  }

  /**
   * Goes to the next epoch if a step of the optimizer was applied, and not if it was skipped. Waits
   * for the device, if the step measured gradients.
   *
   * @throws IllegalArgumentException as {@link #step()}
   * @throws IllegalStateException as {@link #step()}, or if the result is lost
   */
  public final void step(StepResult result) {
    if (!result.skipped()) {
      step();
    }
  }

  /** The optimizer whose groups are set. */
  public final Optimizer optimizer() {
    return optimizer;
  }

  /** How often {@link #step()} advanced. */
  public final long lastEpoch() {
    return lastEpoch;
  }

  /** The groups' learning rates after the last step. */
  public final List<Double> getLastLr() {
    return list(lastLrs);
  }

  /**
   * A copy of what changes; {@link #loadStateDict} of it continues as if nothing had happened, bit
   * for bit.
   *
   * @throws IllegalStateException if the optimizer is closed
   */
  public final SchedulerState stateDict() {
    Map<String, List<Double>> values = new LinkedHashMap<>();
    values.put(LAST_EPOCH, List.of((double) lastEpoch));
    values.put(BASE_LRS, list(baseLrs));
    values.put(LAST_LR, list(lastLrs));
    values.put(LR, list(all(ParamGroup::lr)));
    cycled.ifPresent(what -> values.put(what.key(), list(all(group -> group.get(what)))));
    save(values);
    return new SchedulerState(
        kind(), values, parts().stream().map(LRScheduler::stateDict).toList());
  }

  /**
   * Takes over a state, and sets the groups' learning rates, and momentum where it is cycled, to
   * those they had when it was taken.
   *
   * @throws IllegalArgumentException if the state is another schedule's, has other parts, another
   *     number of groups, names that are missing or foreign, or values out of range; nothing
   *     changes
   * @throws IllegalStateException if the optimizer is closed
   */
  public final void loadStateDict(SchedulerState state) {
    Objects.requireNonNull(state, "state");
    check(state);
    atomically(() -> load(state));
  }

  private void check(SchedulerState state) {
    SchedulerState own = stateDict();
    refuseUnless(own.scheduler().equals(state.scheduler()), "is of a " + state.scheduler());
    refuseUnless(
        own.values().keySet().equals(state.values().keySet()),
        "must have %s, had %s".formatted(own.values().keySet(), state.values().keySet()));
    state
        .values()
        .forEach(
            (name, numbers) -> {
              int count = own.values().get(name).size();
              refuseUnless(
                  numbers.size() == count,
                  "must have %d values of %s, had %d".formatted(count, name, numbers.size()));
              for (double number : numbers) {
                refuseUnless(isValid(name, number), "has %s %s".formatted(name, number));
              }
            });
    int count = parts().size();
    refuseUnless(
        count == state.schedulers().size(),
        "must have %d schedules, had %d".formatted(count, state.schedulers().size()));
    for (int i = 0; i < count; i++) {
      parts().get(i).check(state.schedulers().get(i));
    }
  }

  private void refuseUnless(boolean holds, String what) {
    if (!holds) {
      throw new IllegalArgumentException("%s: the state %s".formatted(kind(), what));
    }
  }

  /** Whether a state may have such a number. */
  boolean isValid(String name, double number) {
    return number >= 0
        && number <= Float.MAX_VALUE
        && (!name.equals(LAST_EPOCH) || number == Math.rint(number))
        && (!name.equals(HyperParameter.BETA1.key()) || number < 1);
  }

  private void load(SchedulerState state) {
    double[] lrs = state.numbers(LR);
    for (int g = 0; g < lrs.length; g++) {
      ParamGroup group = groups().get(g).lr(lrs[g]);
      if (cycled.isPresent()) {
        group.set(cycled.get(), state.numbers(cycled.get().key())[g]);
      }
    }
    lastEpoch = (long) state.number(LAST_EPOCH);
    baseLrs = state.numbers(BASE_LRS);
    lastLrs = state.numbers(LAST_LR);
    restore(state);
    for (int i = 0; i < parts().size(); i++) {
      parts().get(i).load(state.schedulers().get(i));
    }
  }

  /** Changes everything or, if it fails, nothing. */
  final void atomically(Runnable change) {
    groups();
    SchedulerState before = stateDict();
    try {
      change.run();
    } catch (RuntimeException | Error e) {
      load(before);
      throw e;
    }
  }

  /** A group's learning rate at an epoch, given its present one. */
  abstract double lr(int group, long epoch, double current);

  /** What is cycled besides, at an epoch. */
  double momentum(int group, long epoch) {
    throw new IllegalStateException(kind() + " cycles no momentum");
  }

  /** Schedules that this one is made of. */
  List<LRScheduler> parts() {
    return List.of();
  }

  /** Adds what this kind needs to go on. */
  void save(Map<String, List<Double>> values) {}

  /** Takes over what this kind needs to go on. */
  void restore(SchedulerState state) {}

  /** What a constructor does last, when nothing can be refused any more. */
  final void start() {
    atomically(this::begin);
    for (int g = 0; g < baseLrs.length; g++) {
      if (groups().get(g).initialLr().isEmpty()) {
        groups().get(g).initialLr(baseLrs[g]);
      }
    }
  }

  /** Takes the values of epoch 0, on top of what other schedules made of the groups' own. */
  void begin() {
    apply(0, this::lr);
  }

  /** Takes the values of epoch 0, whatever the groups have: its turn in a sequence has come. */
  void restart() {
    begin();
  }

  void advance() {
    apply(lastEpoch + 1, this::lr);
  }

  final void apply(long epoch, Rate rate) {
    List<ParamGroup> groups = groups();
    for (int g = 0; g < groups.size(); g++) {
      ParamGroup group = groups.get(g);
      try {
        group.lr(rate.at(g, epoch, group.lr()));
        if (cycled.isPresent()) {
          group.set(cycled.get(), momentum(g, epoch));
        }
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "%s at epoch %d, group %d: %s".formatted(kind(), epoch, g, e.getMessage()), e);
      }
    }
    reached(epoch);
  }

  /** The groups have the values of an epoch. */
  final void reached(long epoch) {
    lastEpoch = epoch;
    lastLrs = all(ParamGroup::lr);
  }

  final double baseLr(int group) {
    return baseLrs[group];
  }

  /** Starts from other learning rates than the groups' initial ones. */
  final void baseLrs(double[] lrs) {
    baseLrs = lrs.clone();
  }

  final String kind() {
    return getClass().getSimpleName();
  }

  final List<ParamGroup> groups() {
    List<ParamGroup> groups = optimizer.paramGroups();
    if (groups.size() != baseLrs.length) {
      throw new IllegalStateException(
          "%s: the optimizer must have the %d param groups the schedule was made for, had %d"
              .formatted(kind(), baseLrs.length, groups.size()));
    }
    return groups;
  }

  private double[] all(ToDoubleFunction<ParamGroup> value) {
    return optimizer.paramGroups().stream().mapToDouble(value).toArray();
  }

  private static List<Double> list(double[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  @Override
  public String toString() {
    return "%s[epoch %d, lr %s]".formatted(kind(), lastEpoch, getLastLr());
  }
}
