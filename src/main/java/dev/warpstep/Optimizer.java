package dev.warpstep;

import dev.warpstep.backend.Backend;
import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceLostException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;

/**
 * Updates parameters from their gradients, in param groups, as {@code torch.optim.Optimizer} does.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *     Adam adam = Adam.builder().lr(1e-3).build(device, parameters)) {
 *   for (Batch batch : batches) {
 *     backward(batch);            // fills the gradients
 *     adam.step();
 *   }
 * }
 * }</pre>
 *
 * <p>The first step, and each after a change of parameters, of gradients' memory or of what a group
 * keeps as state, prepares tables; all others only run them and allocate nothing. A parameter
 * without a gradient is skipped and its step does not advance.
 *
 * <p>One thread at a time. {@link #close} is idempotent and frees the state; afterwards every use
 * throws {@link IllegalStateException}. Parameters and device stay open.
 */
public abstract sealed class Optimizer implements AutoCloseable permits SGD, RMSprop, Adam, AdamW {
  private final UpdateRule rule;
  private final Device device;
  private final Map<HyperParameter, Double> defaults;
  private final List<ParamGroup> groups = new ArrayList<>();
  private final List<Slot> slots = new ArrayList<>();
  private final List<ParamGroup> changedGroups = new ArrayList<>();
  private final Members members;
  private final FusedStep fusedStep;
  private final OptimizerHooks hooks = new OptimizerHooks();
  private boolean parametersChanged;
  private boolean suspended;
  private boolean closed;

  /**
   * What a builder was told.
   *
   * @param defaults settings of groups that have none of their own
   */
  record Settings(Map<HyperParameter, Double> defaults, Precision precision) {
    Settings {
      defaults = Collections.unmodifiableMap(new EnumMap<>(defaults));
    }
  }

  Optimizer(UpdateRule rule, Device device, Settings settings, List<ParamGroup> groups) {
    this.rule = rule;
    this.device = device;
    this.defaults = settings.defaults();
    Backend backend = device.backend();
    this.members = new Members(rule, backend, settings);
    this.fusedStep = new FusedStep(backend, rule, settings.precision());
    try {
      join(groups);
    } catch (RuntimeException | OutOfMemoryError e) {
      fusedStep.close();
      throw e;
    }
  }

  /** The settings of groups that have none of their own. */
  public Map<HyperParameter, Double> defaults() {
    checkOpen();
    return defaults;
  }

  /** The groups, in the order they joined; their settings may be changed. */
  public List<ParamGroup> paramGroups() {
    checkOpen();
    return Collections.unmodifiableList(groups);
  }

  /** What runs before and after steps, saves and loads. */
  public OptimizerHooks hooks() {
    return hooks;
  }

  /** The device that updates run on. */
  public Device device() {
    return device;
  }

  /**
   * Takes the values of 16-bit parameters for their master weights: to be called after you changed
   * them yourself, for a step would write the old ones over them.
   *
   * @throws IllegalStateException if the optimizer or a parameter is closed, or an average is
   *     swapped in
   */
  public void reloadMasterWeights() {
    checkOpen();
    checkNotSuspended("reloadMasterWeights()");
    slots.forEach(fusedStep.arrays()::reloadMaster);
  }

  /**
   * Adds a group; its parameters start with fresh state.
   *
   * @throws IllegalArgumentException if a setting is out of range or none of this optimizer's, a
   *     parameter or a parameter's name is in the optimizer already, or a parameter is not in
   *     memory of the device; nothing is added
   * @throws IllegalStateException if the optimizer, its device or a parameter is closed, or the
   *     group is in an optimizer already; nothing is added
   */
  public void addParamGroup(ParamGroup group) {
    checkOpen();
    join(List.of(group));
  }

  /**
   * Forgets the gradients, as PyTorch does by default.
   *
   * @throws IllegalStateException if the optimizer or a parameter is closed
   */
  public void zeroGrad() {
    zeroGrad(true);
  }

  /**
   * Forgets the gradients or sets them to zero.
   *
   * @param setToNone whether parameters have no gradient afterwards and are skipped until they are
   *     given one; otherwise the gradients' memory is filled with zeros
   * @throws IllegalStateException if the optimizer or a parameter is closed, or a gradient's memory
   *     was freed
   */
  public void zeroGrad(boolean setToNone) {
    checkOpen();
    for (int i = 0; i < slots.size(); i++) {
      Parameter parameter = slots.get(i).parameter;
      if (setToNone) {
        parameter.clearGradient();
      } else {
        parameter.zeroGradient();
      }
    }
  }

  /**
   * Updates every parameter that has a gradient.
   *
   * @throws IllegalStateException if the optimizer, its device or a parameter is closed, or memory
   *     of a parameter or gradient was freed; nothing is updated then, unless the message says what
   *     was
   * @throws WrongThreadException if memory is confined to another thread; nothing is updated
   * @throws OutOfMemoryError if there is not enough memory for new state; nothing is updated
   * @throws DeviceException if the device fails; nothing is updated, unless the message says what
   *     was
   */
  public void step() {
    if (!hooks.haveNoneOfSteps()) {
      step(StepOptions.none());
      return;
    }
    prepare();
    fusedStep.run();
  }

  /**
   * Updates every parameter that has a gradient, and does what the options say in the same pass.
   *
   * @return what became of the step, to be asked when it is needed
   * @throws ArithmeticException if the norm of the gradients is not finite and the options make
   *     that an error; nothing is updated
   * @throws IllegalArgumentException if the options' scaler is on another device or their average
   *     belongs to another optimizer; nothing is updated
   * @throws IllegalStateException as {@link #step()}, or if the scaler or average is closed, or the
   *     scaler unscaled this optimizer's gradients and was not updated since; nothing is updated
   *     then, unless the message says what was
   * @throws WrongThreadException as {@link #step()}
   * @throws OutOfMemoryError as {@link #step()}
   * @throws DeviceException as {@link #step()}
   */
  public StepResult step(StepOptions options) {
    checkOpen();
    StepOptions hooked = hooks.beforeStep(this, options);
    prepare(hooked);
    StepResult result = fusedStep.run(hooked, slots);
    hooks.afterStep(this, result);
    return result;
  }

  /**
   * Records a step, without doing it, to be replayed with less work for the host: on CUDA as a
   * graph, captured from the device's stream. On the CPU a replay is a step.
   *
   * @param options of every replay
   * @throws IllegalArgumentException as {@link #step(StepOptions)}, or if the options make a norm
   *     that is not finite an error, for which the host would have to wait
   * @throws IllegalStateException as {@link #step(StepOptions)}
   * @throws WrongThreadException as {@link #step()}
   * @throws OutOfMemoryError as {@link #step()}
   * @throws DeviceException if the device fails, for example because its stream is the legacy
   *     default stream, which cannot be captured
   */
  public StepGraph capture(StepOptions options) {
    if (options.failsOnNonfinite()) {
      throw new IllegalArgumentException("errorIfNonfinite must be false in a capture, was true");
    }
    prepareFor(options);
    return new StepGraph(this, options, fusedStep.capture(options, slots));
  }

  /** Replays a step that was captured here. */
  StepResult replay(FusedStep.Recorded recorded, StepOptions options) {
    checkOpen();
    if (hooks.beforeStep(this, options) != options) {
      throw new IllegalStateException(
          "a hook must return the options that it was given: those of a captured step are"
              + " recorded");
    }
    prepare(options);
    StepResult result = fusedStep.replay(recorded, options, slots);
    hooks.afterStep(this, result);
    return result;
  }

  private void prepare(StepOptions options) {
    prepareFor(options);
    options.gradScaler().ifPresent(scaler -> scaler.use(this, options.updatesScaler()));
  }

  private void prepareFor(StepOptions options) {
    checkOpen();
    options.average().ifPresent(average -> average.use(this));
    options.average().ifPresent(fusedStep::average);
    prepare();
  }

  /** Makes the fused step follow whatever changed. */
  private void prepare() {
    checkOpen();
    checkNotSuspended("step()");
    if (!changedGroups.isEmpty()) {
      for (int i = 0; i < changedGroups.size(); i++) {
        fusedStep.followGroup(changedGroups.get(i).index(), changedGroups.get(i));
      }
      for (int i = 0; i < changedGroups.size(); i++) {
        changedGroups.get(i).markChanged(false);
      }
      changedGroups.clear();
    }
    if (parametersChanged || !fusedStep.isPrepared()) {
      fusedStep.followParameters(slots);
      parametersChanged = false;
    }
  }

  /** Refuses steps, or accepts them again. */
  void suspend(boolean suspend) {
    suspended = suspend;
  }

  /** While an average is swapped in, what would use the parameters would use the average. */
  void checkNotSuspended(String call) {
    if (suspended) {
      throw new IllegalStateException(
          "%s would take an average for the parameters, which is swapped in: call swapOut() first"
              .formatted(call));
    }
  }

  /** Averages all parameters as they are, without a step. */
  void averageNow(AveragedParameters average) {
    checkOpen();
    checkNotSuspended("update()");
    fusedStep.averageNow(average, slots);
  }

  /** Lets go of an average that is closed. */
  void forget(AveragedParameters average) {
    if (!closed) {
      fusedStep.forget(average);
    }
  }

  /**
   * A copy of each parameter's state; parameters without any are absent.
   *
   * @throws IllegalStateException if the optimizer is closed, or an average is swapped in
   */
  public Map<Parameter, ParameterState> state() {
    checkOpen();
    checkNotSuspended("state()");
    Map<Parameter, ParameterState> state = new LinkedHashMap<>();
    for (Slot slot : slots) {
      if (fusedStep.counter(slot) > 0
          || (!rule.countsSteps() && slot.presentMaster().isPresent())) {
        state.put(slot.parameter, StateDicts.save(rule, slot, fusedStep.counter(slot)));
      }
    }
    return Collections.unmodifiableMap(state);
  }

  /**
   * A copy of all settings and state; {@link #loadStateDict} of it continues as if nothing had
   * happened, bit for bit. The copy is as large as the state, outside the Java heap, where {@code
   * -XX:MaxDirectMemorySize} limits it.
   *
   * @throws IllegalStateException if the optimizer is closed, or an average is swapped in
   * @throws OutOfMemoryError if there is not enough memory for the copy
   */
  public StateDict stateDict() {
    checkOpen();
    checkNotSuspended("stateDict()");
    hooks.beforeStateDict(this);
    Map<String, ParameterState> state = new LinkedHashMap<>();
    state().forEach((parameter, copy) -> state.put(parameter.name(), copy));
    return hooks.afterStateDict(
        this,
        new StateDict(groups.stream().map(StateDicts::save).toList(), state, fusedStep.rounding()));
  }

  /**
   * Replaces all settings and state by those of a state dict. Parameters are matched by name within
   * their group; those that the dict has no state of start afresh.
   *
   * @throws IllegalArgumentException if the dict has another number of groups, other parameters in
   *     a group, settings that are missing, foreign or out of range, or state of another name,
   *     shape or dtype; nothing is changed
   * @throws IllegalStateException if the optimizer is closed, an average is swapped in, or memory
   *     of a parameter with master weights was freed or closed; nothing is changed
   * @throws WrongThreadException if such memory is confined to another thread; nothing is changed
   * @throws OutOfMemoryError if there is not enough memory for the state; nothing is changed
   * @throws DeviceException if the device fails; nothing is changed, unless the message says what
   *     was
   */
  public void loadStateDict(StateDict stateDict) {
    loadStateDict(stateDict, LoadOptions.defaults());
  }

  /**
   * Replaces settings and state by those of a state dict, matched as the options say. Groups that
   * the dict has take its settings. Parameters that it names and has no state of start afresh.
   *
   * @return what was missing or unexpected, if the options are not strict; otherwise that is an
   *     error
   * @throws IllegalArgumentException as {@link #loadStateDict(StateDict)}, or if a conversion that
   *     the options allow would make a finite number infinite; nothing is changed. Shapes, types,
   *     steps and settings are checked whatever the options
   * @throws IllegalStateException if the optimizer is closed, an average is swapped in, or memory
   *     of a parameter with master weights was freed or closed; nothing is changed
   * @throws WrongThreadException if such memory is confined to another thread; nothing is changed
   * @throws OutOfMemoryError if there is not enough memory for the state; nothing is changed
   * @throws DeviceException if the device fails; nothing is changed, unless the message says what
   *     was
   */
  public LoadReport loadStateDict(StateDict stateDict, LoadOptions options) {
    checkOpen();
    checkNotSuspended("loadStateDict()");
    Objects.requireNonNull(options, "options");
    StateDict hooked = hooks.beforeLoad(this, Objects.requireNonNull(stateDict, "stateDict"));
    StateArrays arrays = fusedStep.arrays();
    StateDictMatch match =
        StateDictMatch.of(rule, groups, hooked, options, fusedStep::stateNames, arrays.precision());
    List<ParamGroup> loaded =
        StateDicts.check(rule, groups, match.dict(), match.required(), arrays.precision());
    List<Slot> touched =
        slots.stream().filter(slot -> !match.untouched().contains(slot.parameter.name())).toList();
    for (Slot slot : touched) {
      for (String name : StateDicts.tensors(match.dict(), slot).keySet()) {
        if (name.equals(StateDicts.MASTER)) {
          arrays.master(slot);
        } else {
          arrays.state(slot, name);
        }
      }
    }
    // Master weights are written to the parameters too.
    touched.stream()
        .filter(slot -> slot.presentMaster().isPresent())
        .forEach(slot -> slot.parameter.checkMemory());
    loadState(touched, match.dict());
    match.dict().rounding().ifPresent(fusedStep::round);
    for (int i = 0; i < groups.size(); i++) {
      groups.get(i).replaceValues(loaded.get(i));
    }
    hooks.afterLoad(this);
    return match.report();
  }

  private void loadState(List<Slot> touched, StateDict stateDict) {
    int done = 0;
    try {
      for (; done < touched.size(); done++) {
        Slot slot = touched.get(done);
        fusedStep.setCounter(slot, StateDicts.load(rule, slot, stateDict, fusedStep.arrays()));
      }
    } catch (DeviceLostException e) {
      throw e; // and with it all state
    } catch (DeviceException e) {
      throw new DeviceException(
          e,
          "the state of %s was loaded and that of %s is not to be trusted, all other state and all "
                  .formatted(
                      touched.subList(0, done).stream().map(slot -> slot.parameter.name()).toList(),
                      touched.get(done).parameter.name())
              + "settings are as before");
    }
  }

  UpdateRule rule() {
    return rule;
  }

  /** A parameter's gradient moved, appeared or vanished, or the parameter was closed. */
  void parametersChanged() {
    parametersChanged = true;
  }

  /** A group's settings changed. */
  void groupChanged(ParamGroup group) {
    if (!group.markChanged(true)) {
      changedGroups.add(group);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      fusedStep.close();
      closed = true;
      slots.forEach(slot -> slot.parameter.detach(this));
      groups.forEach(ParamGroup::leave);
    }
  }

  @Override
  public String toString() {
    return "%s%s on %s".formatted(rule.name(), groups, device);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the %s optimizer is closed".formatted(rule.name()));
    }
    device.backend();
  }

  private void join(List<ParamGroup> added) {
    List<ParamGroup> complete = members.check(added);
    int parameters = added.stream().mapToInt(group -> group.parameters().size()).sum();
    fusedStep.grow(groups.size() + added.size(), members.count() + parameters);
    members.add(added);
    for (int i = 0; i < added.size(); i++) {
      ParamGroup group = added.get(i);
      for (Parameter parameter : group.parameters()) {
        slots.add(new Slot(parameter, groups.size(), slots.size()));
        parameter.attach(this);
      }
      groups.add(group);
      group.join(this, groups.size() - 1, complete.get(i));
    }
    parametersChanged = true;
  }

  /**
   * Settings of an optimizer to be built; those not made are PyTorch's defaults.
   *
   * @param <O> the optimizer
   * @param <B> the builder itself
   */
  public abstract static class Builder<O extends Optimizer, B extends Builder<O, B>> {
    private final UpdateRule rule;
    private final Map<HyperParameter, Double> defaults;
    private Precision precision = Precision.DEFAULT;

    Builder(UpdateRule rule) {
      this.rule = rule;
      this.defaults = new EnumMap<>(rule.defaults());
    }

    /**
     * Learning rate.
     *
     * @throws IllegalArgumentException if it is negative, NaN or infinite
     */
    public B lr(double lr) {
      return set(HyperParameter.LR, lr);
    }

    /**
     * Strength of the weight decay.
     *
     * @throws IllegalArgumentException if it is negative, NaN or infinite
     */
    public B weightDecay(double weightDecay) {
      return set(HyperParameter.WEIGHT_DECAY, weightDecay);
    }

    /** Whether to climb along the gradient instead of descending. */
    public B maximize(boolean maximize) {
      return set(HyperParameter.MAXIMIZE, maximize ? 1 : 0);
    }

    /**
     * Where 16-bit parameters keep the bits that their own type lacks; {@link MasterWeights#NONE}
     * unless said otherwise. Master weights are part of the state, {@code master_param}. Parameters
     * that come with {@linkplain Parameter#master their own}, and those of fp32 and fp64, which
     * need none, are not affected.
     */
    public B masterWeights(MasterWeights masterWeights) {
      precision = new Precision(masterWeights, precision.stateDtype(), precision.seed());
      return self();
    }

    /**
     * Type of the state arrays; {@link DType#FLOAT32} unless said otherwise, where PyTorch has the
     * parameter's. State of fp64 parameters is fp64 in any case.
     *
     * @throws IllegalArgumentException if it is {@link DType#FLOAT64}
     */
    public B stateDtype(DType stateDtype) {
      precision = new Precision(precision.masterWeights(), stateDtype, precision.seed());
      return self();
    }

    /**
     * Rounds 16-bit parameters without master weights, and 16-bit state, up or down with the
     * probability of their distance, so that small updates are not lost on average. The random
     * numbers are a function of seed, step, tensor and element: equal runs have equal bits, on any
     * device.
     *
     * @param seed any number
     */
    public B stochasticRounding(long seed) {
      precision =
          new Precision(precision.masterWeights(), precision.stateDtype(), OptionalLong.of(seed));
      return self();
    }

    /**
     * Any setting; a switch is 0 or 1.
     *
     * @throws IllegalArgumentException if the optimizer has no such hyper-parameter, or the value
     *     is out of range, NaN or infinite
     */
    public B set(HyperParameter hyperParameter, double value) {
      rule.check(hyperParameter, value);
      defaults.put(hyperParameter, value);
      return self();
    }

    /**
     * An optimizer of one group.
     *
     * @throws IllegalArgumentException if there are no parameters, one or its name is given twice,
     *     one is not in memory of the device, or settings contradict each other
     * @throws IllegalStateException if the device or a parameter is closed
     */
    public O build(Device device, Collection<Parameter> parameters) {
      if (parameters.isEmpty()) {
        throw new IllegalArgumentException(
            rule.name() + ": there must be at least one parameter, there was none");
      }
      return build(device, ParamGroup.of(parameters));
    }

    /**
     * An optimizer of several groups, whose own settings override this builder's.
     *
     * @throws IllegalArgumentException as for one group, or if there are no groups
     * @throws IllegalStateException if the device or a parameter is closed, or a group is in an
     *     optimizer already
     */
    public O build(Device device, ParamGroup... groups) {
      if (groups.length == 0) {
        throw new IllegalArgumentException(
            rule.name() + ": there must be at least one param group, there was none");
      }
      return create(device, new Settings(defaults, precision), List.of(groups));
    }

    abstract B self();

    abstract O create(Device device, Settings settings, List<ParamGroup> groups);
  }
}
