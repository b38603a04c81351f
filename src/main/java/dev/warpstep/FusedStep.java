package dev.warpstep;

import dev.warpstep.backend.AverageState;
import dev.warpstep.backend.Backend;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.MemoryRange;
import dev.warpstep.backend.PreparedNorm;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Replay;
import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.Verdict;
import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceLostException;
import dev.warpstep.plan.StepPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The step of one optimizer: rows, counters and state in the device's memory, and one prepared step
 * for each kernel that the groups select. Built when something changed, then only run.
 */
final class FusedStep implements AutoCloseable {
  /** The entry that updates nothing, for parameters that only their average follows. */
  private static final String FROZEN = "frozen";

  private final Backend backend;
  private final UpdateRule rule;
  private final Tables tables;
  private final StoragePool pool;
  private final List<Kernel> kernels = new ArrayList<>();
  private PreparedStep[] steps = {};
  private List<List<Slot>> slotsOfSteps = List.of();
  private Optional<PreparedNorm> norm = Optional.empty();
  private Optional<AveragedParameters> average = Optional.empty();
  private long plainSteps;
  private long generation;
  private boolean capturing;
  private boolean prepared;
  private int rowCapacity;
  private int counterCapacity;

  /** The kernel of one group, and the hyper-parameters that fill its row. */
  private record Kernel(Entry entry, List<HyperParameter> slots) {
    static Kernel of(Entry entry) {
      return new Kernel(
          entry, entry.hyperParameters().stream().map(HyperParameter::ofKey).toList());
    }
  }

  FusedStep(Backend backend, UpdateRule rule) {
    this.backend = backend;
    this.rule = rule;
    this.tables = backend.newTables();
    this.pool = backend.newPool();
  }

  /** Makes room for more groups and parameters, with some to spare for those added one by one. */
  void grow(int groupCount, int parameterCount) {
    if (groupCount > rowCapacity || parameterCount > counterCapacity) {
      int rows = Math.max(groupCount, rowCapacity + rowCapacity / 2);
      int counters = Math.max(parameterCount, counterCapacity + counterCapacity / 2);
      tables.grow(rows, counters);
      rowCapacity = rows;
      counterCapacity = counters;
    }
    discardSteps();
  }

  /** Follows a group's settings. */
  void followGroup(int index, ParamGroup group) {
    String name = rule.kernel().apply(group);
    if (index == kernels.size()) {
      kernels.add(Kernel.of(backend.entry(name)));
    } else if (!kernels.get(index).entry().name().equals(name)) {
      kernels.set(index, Kernel.of(backend.entry(name)));
      discardSteps();
    }
    List<HyperParameter> slots = kernels.get(index).slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      tables.setSlot(index, slot, group.get(slots.get(slot)));
    }
  }

  /** Follows the parameters' gradients. */
  void followParameters(List<Slot> slots) {
    boolean moved = false;
    int withGradient = 0;
    for (int i = 0; i < slots.size() && prepared; i++) {
      switch (slots.get(i).follow()) {
        case SAME -> {}
        case MOVED -> {
          moved = true;
          if (norm.isPresent()) {
            Storage gradient = slots.get(i).parameter.gradientStorage().orElseThrow();
            norm.get().moveGradient(withGradient, gradient);
          }
        }
        case CHANGED -> discardSteps();
      }
      withGradient += slots.get(i).parameter.hasGradient() ? 1 : 0;
    }
    if (!prepared) {
      checkOverlaps(slots);
      prepare(slots);
    } else if (moved) {
      prepared = false; // until the gradients' new places are proven
      checkOverlaps(slots);
      prepared = true;
    }
  }

  /**
   * Two threads, or two blocks, must not write the same bytes, nor one read what the other writes.
   */
  private static void checkOverlaps(List<Slot> slots) {
    List<MemoryRange.Use> uses = new ArrayList<>();
    for (Slot slot : slots) {
      Parameter parameter = slot.parameter;
      parameter
          .gradientStorage()
          .ifPresent(
              gradient -> {
                uses.add(
                    new MemoryRange.Use(
                        "the data of " + parameter.name(), parameter.storage().range(), true));
                uses.add(
                    new MemoryRange.Use(
                        "the gradient of " + parameter.name(), gradient.range(), false));
              });
    }
    MemoryRange.conflict(uses)
        .ifPresent(
            conflict -> {
              throw new IllegalStateException(
                  "parameters must not share memory, but %s overlaps %s"
                      .formatted(conflict.first().name(), conflict.second().name()));
            });
  }

  private void prepare(List<Slot> slots) {
    discardSteps();
    Map<Entry, List<Slot>> slotsByEntry = new LinkedHashMap<>();
    for (Slot slot : slots) {
      if (slot.parameter.hasGradient()) {
        Entry entry = kernels.get(slot.group).entry();
        slotsByEntry.computeIfAbsent(entry, e -> new ArrayList<>()).add(slot);
      }
    }
    List<Slot> still = slots.stream().filter(slot -> !slot.parameter.hasGradient()).toList();
    if (average.isPresent() && !still.isEmpty()) {
      slotsByEntry.put(backend.entry(FROZEN), still);
    }
    List<PreparedStep> fresh = new ArrayList<>();
    try {
      slotsByEntry.forEach((entry, of) -> fresh.add(prepare(entry, of)));
    } catch (RuntimeException | OutOfMemoryError e) {
      fresh.forEach(PreparedStep::close);
      throw e;
    }
    steps = fresh.toArray(PreparedStep[]::new);
    slotsOfSteps = List.copyOf(slotsByEntry.values());
    slots.forEach(Slot::displace);
    for (int step = 0; step < steps.length; step++) {
      List<Slot> of = slotsOfSteps.get(step);
      for (int tensor = 0; tensor < of.size(); tensor++) {
        if (of.get(tensor).parameter.hasGradient()) {
          of.get(tensor).placeIn(steps[step], tensor);
        }
      }
    }
    prepared = true;
  }

  private PreparedStep prepare(Entry entry, List<Slot> slots) {
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    List<TensorBinding> bindings = new ArrayList<>();
    for (Slot slot : slots) {
      Parameter parameter = slot.parameter;
      tensors.add(new StepPlan.Tensor(parameter.elementCount(), slot.group, slot.counter));
      bindings.add(
          new TensorBinding(
              parameter.name(),
              parameter.storage(),
              parameter.gradientStorage().orElseGet(parameter::storage),
              entry.states().stream().map(name -> state(slot, name)).toList(),
              average.map(of -> of.storage(parameter))));
    }
    return backend.prepare(entry, tensors, bindings, tables);
  }

  /** A state array of a parameter, allocated as zeros when it is first needed. */
  Storage state(Slot slot, String name) {
    return slot.states.computeIfAbsent(
        name, missing -> pool.allocate(slot.parameter.elementCount()));
  }

  /** State arrays that the kernel for a group's settings keeps. */
  List<String> stateNames(ParamGroup group) {
    return backend.entry(rule.kernel().apply(group)).states();
  }

  /** Whether steps are prepared for the groups' kernels. */
  boolean isPrepared() {
    return prepared;
  }

  /** Averages these parameters from the next step on, if the step asks for it. */
  void average(AveragedParameters next) {
    if (average.isEmpty() || average.get() != next) {
      average = Optional.of(next);
      discardSteps();
    }
  }

  /** Averages no more. */
  void forget(AveragedParameters old) {
    if (average.isPresent() && average.get() == old) {
      average = Optional.empty();
      discardSteps();
    }
  }

  /** Runs every prepared step; allocates nothing. */
  void run() {
    verify();
    tables.control().settle();
    plainSteps++;
    update();
  }

  /**
   * Runs every prepared step with options, after the norm pass if they want one.
   *
   * @throws ArithmeticException if the norm is not finite and the options do not allow that
   */
  StepResult run(StepOptions options, List<Slot> slots) {
    decide(options, slots);
    if (options.norm().isEmpty()) {
      update();
      return result(options);
    }
    norm.orElseThrow().run();
    StepResult result = result(options);
    if (options.failsOnNonfinite() && result.skipped()) {
      throw new ArithmeticException(
          "the norm of the gradients must be finite, was %s; nothing was updated"
              .formatted(result.norm().getAsDouble()));
    }
    updateAfterNorm();
    return result;
  }

  /** The norm pass has counted the step already, with its scaler and its average. */
  private void updateAfterNorm() {
    try {
      update();
    } catch (DeviceLostException e) {
      throw e;
    } catch (DeviceException e) {
      throw new DeviceException(
          e, "the norm pass before it had counted the step in gradient scale and average");
    }
  }

  /** A recorded step, which fits as long as no other steps are prepared. */
  record Recorded(Replay replay, long generation) {}

  /** Records a step with options, without doing it. */
  Recorded capture(StepOptions options, List<Slot> slots) {
    decide(options, slots);
    send(options);
    capturing = true;
    try {
      Replay replay =
          backend.capture(
              () -> {
                if (options.norm().isPresent()) {
                  norm.orElseThrow().run();
                }
                update();
              });
      return new Recorded(replay, generation);
    } finally {
      capturing = false;
    }
  }

  /**
   * Replays a step.
   *
   * @throws IllegalStateException if other steps were prepared since it was recorded
   */
  StepResult replay(Recorded recorded, StepOptions options, List<Slot> slots) {
    if (recorded.generation() != generation) {
      throw new IllegalStateException(
          "parameters, groups or what they select changed since the step was captured: capture it"
              + " again");
    }
    decide(options, slots);
    send(options);
    recorded.replay().run();
    return result(options);
  }

  /** Writes what the step's kernels will read. */
  private void decide(StepOptions options, List<Slot> slots) {
    verify();
    StepControl control = tables.control();
    if (options.norm().isEmpty()) {
      settle(options, control);
      return;
    }
    if (norm.isEmpty()) {
      norm = Optional.of(prepareNorm(slots));
    }
    control.ask(options.norm().get());
    if (options.average().isPresent()) {
      options.average().get().state().leaveToDevice();
    }
  }

  private void send(StepOptions options) {
    if (options.norm().isPresent()) {
      norm.orElseThrow().send();
    }
    for (PreparedStep step : steps) {
      step.send();
    }
  }

  /** Counts a step that was given to the device. */
  private StepResult result(StepOptions options) {
    StepControl control = tables.control();
    if (options.norm().isEmpty()) {
      plainSteps++;
      options.average().ifPresent(average -> average.state().count());
      return StepResult.plain(control, plainSteps, options.gradientScale());
    }
    control.passed();
    return StepResult.measured(control, plainSteps);
  }

  private static void settle(StepOptions options, StepControl control) {
    if (options.average().isEmpty()) {
      control.settle(options.verdict());
      return;
    }
    AverageState average = options.average().get().state();
    Verdict verdict = options.verdict();
    control.settle(
        new Verdict(
            verdict.multiplier(),
            verdict.largest(),
            verdict.zeroGradients(),
            average.nextWeight()));
  }

  private PreparedNorm prepareNorm(List<Slot> slots) {
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    List<Storage> gradients = new ArrayList<>();
    for (Slot slot : slots) {
      slot.parameter
          .gradientStorage()
          .ifPresent(
              gradient -> {
                tensors.add(new StepPlan.Tensor(gradient.elementCount(), slot.group, slot.counter));
                gradients.add(gradient);
              });
    }
    return backend.prepareNorm(tensors, gradients, tables.control());
  }

  private void verify() {
    for (PreparedStep step : steps) {
      step.verify();
    }
  }

  private void update() {
    List<String> failed = List.of();
    for (int i = 0; i < steps.length; i++) {
      List<String> failedHere = run(i);
      if (!failedHere.isEmpty()) {
        failed = Stream.concat(failed.stream(), failedHere.stream()).toList();
      }
    }
    if (!failed.isEmpty()) {
      throw new IllegalStateException(
          "memory was freed while step() ran: the values and state of %s are not to be trusted; all"
                  .formatted(failed)
              + " other parameters were updated");
    }
  }

  private List<String> run(int step) {
    try {
      return steps[step].run();
    } catch (DeviceLostException e) {
      throw e; // and with it all values
    } catch (DeviceException e) {
      if (step == 0 || capturing) { // nothing was updated
        throw e;
      }
      throw new DeviceException(
          e,
          "step() had updated %s before, all other parameters are unchanged"
              .formatted(
                  slotsOfSteps.subList(0, step).stream()
                      .flatMap(List::stream)
                      .map(slot -> slot.parameter.name())
                      .toList()));
    }
  }

  /** Completed steps of a parameter. */
  long counter(Slot slot) {
    return tables.counter(slot.counter);
  }

  void setCounter(Slot slot, long completedSteps) {
    tables.setCounter(slot.counter, completedSteps);
  }

  private void discardSteps() {
    for (PreparedStep step : steps) {
      step.close();
    }
    steps = new PreparedStep[0];
    slotsOfSteps = List.of();
    norm.ifPresent(PreparedNorm::close);
    norm = Optional.empty();
    prepared = false;
    generation++;
  }

  @Override
  public void close() {
    discardSteps();
    tables.close();
    pool.close();
  }
}
