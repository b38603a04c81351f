package dev.warpstep;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.Verdict;
import dev.warpstep.plan.StepPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Averages all parameters as they are, without a step of their optimizer. */
final class AveragingStep implements AutoCloseable {
  private final AveragedParameters average;
  private final Tables tables;
  private final List<Optional<Storage>> masters;
  private final List<PreparedStep> steps = new ArrayList<>();

  /**
   * Prepares a launch for all tensors, and a second one for those of fp64 if there are any.
   *
   * @param tables with rows and counters for the slots
   */
  AveragingStep(
      Backend backend,
      Tables tables,
      StateArrays arrays,
      AveragedParameters average,
      List<Slot> slots) {
    this.average = average;
    this.tables = tables;
    this.masters = slots.stream().map(arrays::master).toList();
    try {
      for (boolean isDouble : new boolean[] {false, true}) {
        prepare(
            backend,
            arrays,
            slots.stream().filter(slot -> slot.parameter.dtype().isDouble() == isDouble).toList());
      }
    } catch (RuntimeException | OutOfMemoryError e) {
      close();
      throw e;
    }
  }

  private void prepare(Backend backend, StateArrays arrays, List<Slot> slots) {
    if (slots.isEmpty()) {
      return;
    }
    Entry frozen = backend.entry(FusedStep.FROZEN);
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    List<TensorBinding> bindings = new ArrayList<>();
    for (Slot slot : slots) {
      Parameter parameter = slot.parameter;
      tensors.add(new StepPlan.Tensor(parameter.elementCount(), slot.group, slot.counter));
      bindings.add(
          new TensorBinding(
              parameter.name(),
              parameter.storage(),
              parameter.storage(),
              List.of(),
              Optional.of(average.storage(parameter)),
              arrays.master(slot),
              false));
    }
    steps.add(backend.prepare(frozen, tensors, bindings, tables, false));
  }

  /** Whether it averages these, where they are now, into this average. */
  boolean fits(AveragedParameters other, List<Slot> slots) {
    if (average != other || masters.size() != slots.size()) {
      return false;
    }
    for (int i = 0; i < masters.size(); i++) {
      if (!masters.get(i).equals(slots.get(i).presentMaster())) {
        return false;
      }
    }
    return true;
  }

  /** Does it, and counts it. */
  void run() {
    steps.forEach(PreparedStep::verify);
    tables
        .control()
        .settle(new Verdict(1, Double.POSITIVE_INFINITY, false, average.state().nextWeight()));
    List<String> failed = List.of();
    for (PreparedStep step : steps) {
      failed = Stream.concat(failed.stream(), step.run(false).stream()).toList();
    }
    average.state().count();
    if (!failed.isEmpty()) {
      throw new IllegalStateException(
          ("memory was freed while update() ran: the averages of %s are not to be trusted; all"
                  + " others were updated")
              .formatted(failed));
    }
  }

  @Override
  public void close() {
    steps.forEach(PreparedStep::close);
  }
}
