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
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.TensorSums;
import dev.warpstep.backend.Verdict;
import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceLostException;
import dev.warpstep.plan.StepPlan;
import java.util.ArrayList;
import java.util.Arrays;
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
  static final String FROZEN = "frozen";

  private final Backend backend;
  private final UpdateRule rule;
  private final Tables tables;
  private final StateArrays arrays;
  private final List<Kernel> kernels = new ArrayList<>();
  private PreparedStep[] steps = {};
  private List<List<Slot>> slotsOfSteps = List.of();

  /** What the prepared steps write of the parameters' memory. */
  private MemoryRange.Written written = new MemoryRange.Written(List.of());

  private Optional<PreparedNorm> norm = Optional.empty();
  private Optional<AveragedParameters> average = Optional.empty();
  private Optional<AveragingStep> averaging = Optional.empty();
  private long plainSteps;
  private long summedSteps;
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

  /** What one launch can do: a kernel, in one arithmetic. */
  private record Launchable(Entry entry, boolean isDouble) {}

  FusedStep(Backend backend, UpdateRule rule, Precision precision) {
    this.backend = backend;
    this.rule = rule;
    this.tables = backend.newTables();
    this.arrays = new StateArrays(backend.newPool(), precision);
    if (precision.seed().isPresent()) {
      try {
        tables.control().round(precision.seed().getAsLong(), 0);
      } catch (RuntimeException e) {
        close();
        throw e;
      }
    }
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
    int withGradient = 0;
    for (int i = 0; i < slots.size() && prepared; i++) {
      switch (slots.get(i).follow()) {
        case SAME -> {}
        case MOVED -> {
          Storage gradient = slots.get(i).parameter.gradientStorage().orElseThrow();
          if (norm.isPresent()) {
            norm.get().moveGradient(withGradient, gradient);
          }
          if (written.overlapping(gradient.range()).isPresent()) {
            discardSteps(); // and say below what overlaps what
          }
        }
        case CHANGED -> discardSteps();
      }
      withGradient += slots.get(i).parameter.hasGradient() ? 1 : 0;
    }
    if (!prepared) {
      List<MemoryRange.Use> uses = uses(slots);
      checkOverlaps(uses);
      prepare(slots);
      written = new MemoryRange.Written(uses);
    }
  }

  private static List<MemoryRange.Use> uses(List<Slot> slots) {
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
                parameter
                    .masterStorage()
                    .ifPresent(
                        master ->
                            uses.add(
                                new MemoryRange.Use(
                                    "the master of " + parameter.name(), master.range(), true)));
              });
    }
    return uses;
  }

  /**
   * Two threads, or two blocks, must not write the same bytes, nor one read what the other writes.
   */
  private static void checkOverlaps(List<MemoryRange.Use> uses) {
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
    Map<Launchable, List<Slot>> slotsByLaunch = new LinkedHashMap<>();
    for (Slot slot : slots) {
      if (slot.parameter.hasGradient()) {
        add(slot, kernels.get(slot.group).entry(), slotsByLaunch);
      }
    }
    if (average.isPresent()) {
      Entry frozen = backend.entry(FROZEN);
      slots.stream()
          .filter(slot -> !slot.parameter.hasGradient())
          .forEach(slot -> add(slot, frozen, slotsByLaunch));
    }
    boolean stochastic = arrays.precision().seed().isPresent();
    List<PreparedStep> fresh = new ArrayList<>();
    try {
      slotsByLaunch.forEach(
          (launch, of) -> {
            boolean last = fresh.size() == slotsByLaunch.size() - 1;
            fresh.add(prepare(launch.entry(), of, stochastic && last));
          });
    } catch (RuntimeException | OutOfMemoryError e) {
      fresh.forEach(PreparedStep::close);
      throw e;
    }
    steps = fresh.toArray(PreparedStep[]::new);
    slotsOfSteps = List.copyOf(slotsByLaunch.values());
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

  private static void add(Slot slot, Entry entry, Map<Launchable, List<Slot>> slotsByLaunch) {
    Launchable launch = new Launchable(entry, slot.parameter.dtype().isDouble());
    slotsByLaunch.computeIfAbsent(launch, missing -> new ArrayList<>()).add(slot);
  }

  private PreparedStep prepare(Entry entry, List<Slot> slots, boolean countsStep) {
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
              entry.states().stream().map(name -> arrays.state(slot, name)).toList(),
              average.map(of -> of.storage(parameter)),
              arrays.master(slot),
              arrays.precision().isStochastic(parameter)));
    }
    return backend.prepare(entry, tensors, bindings, tables, countsStep);
  }

  StateArrays arrays() {
    return arrays;
  }

  /** Where stochastic rounding goes on. */
  Optional<StochasticRounding> rounding() {
    return rounds()
        ? Optional.of(
            new StochasticRounding(tables.control().seed(), tables.control().roundedSteps()))
        : Optional.empty();
  }

  private boolean rounds() {
    return arrays.precision().seed().isPresent();
  }

  /** Lets stochastic rounding go on where another run stopped. */
  void round(StochasticRounding rounding) {
    tables.control().round(rounding.seed(), rounding.steps());
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

  /** Averages all parameters as they are, without a step. */
  void averageNow(AveragedParameters of, List<Slot> slots) {
    if (averaging.isEmpty() || !averaging.get().fits(of, slots)) {
      forgetAveraging();
      averaging = Optional.of(new AveragingStep(backend, tables, arrays, of, slots));
    }
    averaging.get().run();
  }

  private void forgetAveraging() {
    averaging.ifPresent(AveragingStep::close);
    averaging = Optional.empty();
  }

  /** Averages no more. */
  void forget(AveragedParameters old) {
    forgetAveraging();
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
    update(false);
  }

  /**
   * Runs every prepared step with options, after the norm pass if they want one.
   *
   * @throws ArithmeticException if the norm is not finite and the options do not allow that
   */
  StepResult run(StepOptions options, List<Slot> slots) {
    decide(options, slots);
    if (options.norm().isEmpty()) {
      update(options.statistics());
      return result(options);
    }
    norm.orElseThrow().run();
    StepResult result = result(options);
    if (options.failsOnNonfinite() && result.skipped()) {
      throw new ArithmeticException(
          "the norm of the gradients must be finite, was %s; nothing was updated"
              .formatted(result.norm().getAsDouble()));
    }
    updateAfterNorm(options.statistics());
    return result;
  }

  /** The norm pass has counted the step already, with its scaler and its average. */
  private void updateAfterNorm(boolean summed) {
    try {
      update(summed);
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
                update(options.statistics());
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
    if (options.statistics()) {
      for (PreparedStep step : steps) {
        step.prepareSums();
      }
    }
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
    Optional<StatisticsOfStep> statistics = Optional.empty();
    if (options.statistics()) {
      summedSteps++;
      statistics = Optional.of(new StatisticsOfStep(this, summedSteps, generation));
    }
    if (options.norm().isEmpty()) {
      plainSteps++;
      options.average().ifPresent(average -> average.state().count());
      return StepResult.plain(control, plainSteps, options.gradientScale(), statistics);
    }
    control.passed();
    return StepResult.measured(control, plainSteps, statistics);
  }

  /**
   * What a step with statistics did to each group.
   *
   * @param number of the step among those with statistics, from 1
   * @throws IllegalStateException if another one followed, or other steps were prepared since
   */
  List<TensorSums> sums(long number, long ofGeneration, long[] elements) {
    if (number != summedSteps || ofGeneration != generation) {
      throw new IllegalStateException(
          "statistics of a step must be read before the next step with statistics, and before"
              + " parameters or groups change");
    }
    TensorSums[] groups = new TensorSums[kernels.size()];
    Arrays.fill(groups, TensorSums.NONE);
    for (int step = 0; step < steps.length; step++) {
      List<TensorSums> sums = steps[step].sums();
      for (int tensor = 0; tensor < sums.size(); tensor++) {
        Slot slot = slotsOfSteps.get(step).get(tensor);
        if (slot.parameter.hasGradient()) {
          groups[slot.group] = groups[slot.group].plus(sums.get(tensor));
          elements[slot.group] += slot.parameter.elementCount();
        }
      }
    }
    return List.of(groups);
  }

  int groupCount() {
    return kernels.size();
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

  private void update(boolean summed) {
    List<String> failed = List.of();
    for (int i = 0; i < steps.length; i++) {
      List<String> failedHere = run(i, summed);
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

  private List<String> run(int step, boolean summed) {
    try {
      return steps[step].run(summed);
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
    forgetAveraging();
    tables.close();
    arrays.close();
  }
}
