package dev.warpstep;

import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Parameters that share hyper-parameters. Settings made before the group joins an optimizer
 * override the optimizer's defaults; settings made afterwards take effect at the next step.
 *
 * <pre>{@code
 * Adam adam = Adam.builder().lr(1e-3).build(device,
 *     ParamGroup.of(backbone).lr(1e-5),
 *     ParamGroup.of(head));
 * adam.paramGroups().get(1).lr(5e-4);
 * }</pre>
 *
 * <p>One thread at a time, together with its optimizer.
 */
@SuppressWarnings("EnumOrdinal") // values without boxing: setting a learning rate allocates nothing
public final class ParamGroup {
  private final List<Parameter> parameters;
  private final double[] values = new double[HyperParameter.values().length];
  private Optional<Optimizer> optimizer = Optional.empty();
  private OptionalDouble initialLr = OptionalDouble.empty();
  private int index;
  private boolean changed;

  private ParamGroup(List<Parameter> parameters) {
    this.parameters = parameters;
    Arrays.fill(values, Double.NaN);
  }

  /**
   * A group of parameters, without settings of its own so far.
   *
   * @throws IllegalArgumentException if there are no parameters
   */
  public static ParamGroup of(Collection<Parameter> parameters) {
    if (parameters.isEmpty()) {
      throw new IllegalArgumentException(
          "a param group must have at least one parameter, had none");
    }
    return new ParamGroup(List.copyOf(parameters));
  }

  /**
   * A group of parameters, without settings of its own so far.
   *
   * @throws IllegalArgumentException if there are no parameters
   */
  public static ParamGroup of(Parameter... parameters) {
    return of(List.of(parameters));
  }

  /** The parameters, in the order given. */
  public List<Parameter> parameters() {
    return parameters;
  }

  /**
   * The learning rate.
   *
   * @throws IllegalStateException if it was not set and the group has not joined an optimizer yet
   */
  public double lr() {
    return get(HyperParameter.LR);
  }

  /**
   * Sets the learning rate.
   *
   * @return this
   * @throws IllegalArgumentException if it is negative, NaN or infinite
   */
  public ParamGroup lr(double lr) {
    return set(HyperParameter.LR, lr);
  }

  /**
   * The learning rate that schedules start from: the one the group had when its first schedule was
   * made. Empty before that, and after its optimizer was closed.
   */
  public OptionalDouble initialLr() {
    return initialLr;
  }

  /**
   * Sets the learning rate that schedules made from now on start from.
   *
   * @return this
   * @throws IllegalArgumentException if it is negative, NaN or infinite
   */
  public ParamGroup initialLr(double newInitialLr) {
    HyperParameter.LR.check("initial value", newInitialLr);
    initialLr = OptionalDouble.of(newInitialLr);
    return this;
  }

  /**
   * Value of a hyper-parameter; a switch is 0 or 1.
   *
   * @throws IllegalArgumentException if the group's optimizer has no such hyper-parameter
   * @throws IllegalStateException if it was not set and the group has not joined an optimizer yet
   */
  public double get(HyperParameter hyperParameter) {
    double value = values[hyperParameter.ordinal()];
    if (Double.isNaN(value)) {
      if (optimizer.isPresent()) {
        optimizer.get().rule().check(hyperParameter, 0);
      }
      throw new IllegalStateException(
          "%s is not set, and the group has no optimizer yet".formatted(hyperParameter.key()));
    }
    return value;
  }

  /** Whether a switch is on; see {@link #get}. */
  public boolean isOn(HyperParameter hyperParameter) {
    return get(hyperParameter) != 0;
  }

  /**
   * Sets a hyper-parameter. Nothing changes if the value is refused.
   *
   * @return this
   * @throws IllegalArgumentException if the value is out of range, NaN or infinite, contradicts
   *     another setting, or the group's optimizer has no such hyper-parameter
   */
  public ParamGroup set(HyperParameter hyperParameter, double value) {
    if (optimizer.isEmpty()) {
      hyperParameter.check("param group", value);
      values[hyperParameter.ordinal()] = value;
      return this;
    }
    UpdateRule rule = optimizer.get().rule();
    rule.check(hyperParameter, value);
    double old = values[hyperParameter.ordinal()];
    values[hyperParameter.ordinal()] = value;
    try {
      rule.consistency().accept(this);
    } catch (IllegalArgumentException e) {
      values[hyperParameter.ordinal()] = old;
      throw e;
    }
    if (value != old) {
      optimizer.get().groupChanged(this);
    }
    return this;
  }

  /**
   * Sets a switch.
   *
   * @see #set(HyperParameter, double)
   */
  public ParamGroup set(HyperParameter hyperParameter, boolean on) {
    return set(hyperParameter, on ? 1 : 0);
  }

  /** Every hyper-parameter that is set. */
  public Map<HyperParameter, Double> hyperParameters() {
    Map<HyperParameter, Double> map = new EnumMap<>(HyperParameter.class);
    for (HyperParameter hyperParameter : HyperParameter.values()) {
      double value = values[hyperParameter.ordinal()];
      if (!Double.isNaN(value)) {
        map.put(hyperParameter, value);
      }
    }
    return Collections.unmodifiableMap(map);
  }

  /** This group's settings, completed by defaults, in a group of its own without an optimizer. */
  ParamGroup completed(Map<HyperParameter, Double> defaults) {
    ParamGroup complete = new ParamGroup(parameters);
    defaults.forEach((hyperParameter, value) -> complete.values[hyperParameter.ordinal()] = value);
    hyperParameters()
        .forEach((hyperParameter, value) -> complete.values[hyperParameter.ordinal()] = value);
    return complete;
  }

  /** Takes over the settings of a completed and checked group. */
  void join(Optimizer newOptimizer, int newIndex, ParamGroup complete) {
    optimizer = Optional.of(newOptimizer);
    index = newIndex;
    replaceValues(complete);
  }

  /** Keeps its settings, and is free to join another optimizer. */
  void leave() {
    optimizer = Optional.empty();
    initialLr = OptionalDouble.empty();
    changed = false;
  }

  void replaceValues(ParamGroup other) {
    System.arraycopy(other.values, 0, values, 0, values.length);
    optimizer.orElseThrow().groupChanged(this);
  }

  /** Its place in the optimizer. */
  int index() {
    return index;
  }

  boolean hasOptimizer() {
    return optimizer.isPresent();
  }

  /** Marks the group as changed since the last step, or not; whether it was. */
  boolean markChanged(boolean nowChanged) {
    boolean before = changed;
    changed = nowChanged;
    return before;
  }

  @Override
  public String toString() {
    return "ParamGroup[%d parameters, %s]".formatted(parameters.size(), hyperParameters());
  }
}
