package dev.warpstep.lr;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a schedule needs to go on as if it had never stopped. Its arguments are not in it: they are
 * those of the schedule that loads it.
 *
 * @param scheduler the schedule's class, for example {@code StepLR}
 * @param values numbers by PyTorch's names: {@code last_epoch}; {@code base_lrs}, {@code _last_lr}
 *     and the groups' present {@code lr}, one for each group; where they are cycled the groups'
 *     present {@code momentum} or {@code beta1}; {@code T_cur} and {@code T_i} of {@link
 *     CosineAnnealingWarmRestarts}; {@code best}, {@code num_bad_epochs} and {@code
 *     cooldown_counter} of {@link ReduceLROnPlateau}
 * @param schedulers the parts of a {@link SequentialLR} or {@link ChainedScheduler}, PyTorch's
 *     {@code _schedulers}
 */
public record SchedulerState(
    String scheduler, Map<String, List<Double>> values, List<SchedulerState> schedulers) {
  /** Copies the map and the lists. */
  public SchedulerState {
    Map<String, List<Double>> copy = new LinkedHashMap<>();
    values.forEach((name, numbers) -> copy.put(name, List.copyOf(numbers)));
    values = Collections.unmodifiableMap(copy);
    schedulers = List.copyOf(schedulers);
  }

  /** The numbers of a name that the state has. */
  double[] numbers(String name) {
    return values.get(name).stream().mapToDouble(Double::doubleValue).toArray();
  }

  /** The only number of a name that the state has. */
  double number(String name) {
    return values.get(name).getFirst();
  }
}
