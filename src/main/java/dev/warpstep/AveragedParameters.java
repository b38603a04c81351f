package dev.warpstep;

import dev.warpstep.backend.AverageState;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceLostException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * An average of an optimizer's parameters over its steps, which often generalises better than the
 * parameters themselves. Steps update it in their own pass, when their options name it; {@link
 * #update} does without a step.
 *
 * <pre>
 *   exponential   a = a + (1 - decay)(p - a)       get_ema_multi_avg_fn(decay)
 *   mean          a = a + (p - a)/(n + 1)          get_swa_multi_avg_fn()
 *   first time    a = p
 * </pre>
 *
 * <p>{@code torch.optim.swa_utils.AveragedModel}. Memory: one fp32 value a parameter, of 16-bit
 * ones too, whose master weights are averaged if there are any; one fp64 value of fp64 ones. A step
 * moves 8 bytes more per parameter. Skipped steps do not count, parameters without a gradient do.
 * Values below the smallest normal number become zero.
 *
 * <p>One thread at a time, together with the optimizer. {@link #close} is idempotent, gives
 * parameters their own values back if the average is swapped in, and frees the average; afterwards
 * every use throws {@link IllegalStateException}.
 */
public final class AveragedParameters implements AutoCloseable {
  private final Optimizer optimizer;
  private final StoragePool pool;
  private final AverageState state;
  private final Map<Parameter, Storage> averages = new LinkedHashMap<>();

  /** The values of parameters that cannot be kept in an average of another type meanwhile. */
  private final Map<Parameter, MemorySegment> aside = new LinkedHashMap<>();

  private boolean swapped;
  private boolean closed;

  private AveragedParameters(Optimizer optimizer, double decay) {
    this.optimizer = optimizer;
    this.pool = optimizer.device().backend().newPool();
    try {
      this.state =
          new AverageState(optimizer.device().backend().newStruct(AverageState.sizeBytes()), decay);
      followParameters();
    } catch (RuntimeException | OutOfMemoryError e) {
      pool.close();
      throw e;
    }
  }

  /**
   * An exponential average.
   *
   * @param decay in [0, 1]; how much of the average stays at each step
   * @throws IllegalArgumentException if it is not
   * @throws IllegalStateException if the optimizer is closed
   * @throws OutOfMemoryError if there is not enough memory
   */
  public static AveragedParameters ema(Optimizer optimizer, double decay) {
    AveragedState.checkDecay(decay);
    return new AveragedParameters(optimizer, decay);
  }

  /**
   * The mean of the values after each step, as stochastic weight averaging takes it.
   *
   * @throws IllegalStateException if the optimizer is closed
   * @throws OutOfMemoryError if there is not enough memory
   */
  public static AveragedParameters swa(Optimizer optimizer) {
    return new AveragedParameters(optimizer, -1);
  }

  /**
   * Steps that were averaged so far. Waits for the device.
   *
   * @throws IllegalStateException if this or the optimizer is closed
   */
  public long updates() {
    checkOpen();
    return state.updates();
  }

  /**
   * Averages the parameters as they are now, without a step: {@code
   * AveragedModel.update_parameters}, as once an epoch. On CUDA one launch for all tensors, and a
   * second one for those of fp64. A step whose options name the average does it in its own pass.
   *
   * @throws IllegalStateException if an average is swapped in, this, the optimizer or a parameter
   *     is closed, or memory of a parameter was freed; nothing is averaged then, unless the message
   *     says what was
   * @throws WrongThreadException if memory is confined to another thread; nothing is averaged
   * @throws OutOfMemoryError if there is not enough memory for parameters that joined; nothing is
   *     averaged
   * @throws DeviceException if the device fails; nothing is averaged, unless the message says what
   *     was
   */
  public void update() {
    checkOpen();
    checkNotSwapped();
    followParameters();
    optimizer.averageNow(this);
  }

  /**
   * A copy of a parameter's average; of its values if nothing was averaged yet. Those of fp64 are
   * rounded.
   *
   * @throws IllegalArgumentException if the parameter is not in the optimizer
   * @throws IllegalStateException if this or the optimizer is closed, or the average is swapped in
   */
  public float[] toArray(Parameter parameter) {
    return Values.floats(averageOf(parameter));
  }

  /**
   * A copy of a parameter's average, exact for every type.
   *
   * @throws IllegalArgumentException if the parameter is not in the optimizer
   * @throws IllegalStateException if this or the optimizer is closed, or the average is swapped in
   * @see #toArray
   */
  public double[] toDoubleArray(Parameter parameter) {
    return Values.doubles(averageOf(parameter));
  }

  private Storage averageOf(Parameter parameter) {
    checkOpen();
    checkNotSwapped();
    Storage average = averages.get(Objects.requireNonNull(parameter, "parameter"));
    if (average == null) {
      throw new IllegalArgumentException(
          "the parameter must be in the optimizer, %s was not".formatted(parameter));
    }
    return average;
  }

  /**
   * Exchanges parameters and averages, to evaluate with the averages; {@link #swapOut} takes it
   * back. Between the two the optimizer neither steps nor saves nor loads. 16-bit parameters take
   * the rounded averages, and their own values are kept aside in host memory.
   *
   * @throws IllegalStateException if they are exchanged already, also with another average, or
   *     this, the optimizer or a parameter is closed, or memory of a parameter was freed; nothing
   *     is exchanged then
   * @throws WrongThreadException if memory is confined to another thread; nothing is exchanged
   */
  public void swapIn() {
    checkOpen();
    checkNotSwapped();
    optimizer.checkNotSuspended("swapIn()");
    averages.keySet().forEach(Parameter::checkMemory);
    swap();
    swapped = true;
    optimizer.suspend(true);
  }

  /**
   * Takes {@link #swapIn} back.
   *
   * @throws IllegalStateException if they are not exchanged, or this, the optimizer or a parameter
   *     is closed, or memory of a parameter was freed; nothing is exchanged then
   * @throws WrongThreadException if memory is confined to another thread; nothing is exchanged
   */
  public void swapOut() {
    checkOpen();
    if (!swapped) {
      throw new IllegalStateException("the average is not swapped in");
    }
    averages.keySet().forEach(Parameter::checkMemory);
    swap();
    swapped = false;
    optimizer.suspend(false);
  }

  /**
   * A copy of the averages and their count; {@link #loadStateDict} of it continues as if nothing
   * had happened, bit for bit. Waits for the device.
   *
   * @throws IllegalStateException if the average is swapped in, or this or the optimizer is closed
   */
  public AveragedState stateDict() {
    checkOpen();
    checkNotSwapped();
    followParameters();
    Map<String, StateTensor> copies = new LinkedHashMap<>();
    averages.forEach(
        (parameter, average) -> {
          MemorySegment values = Arena.ofAuto().allocate(average.sizeBytes(), Double.BYTES);
          average.copyTo(values);
          DType dtype = DType.of(average.type());
          copies.put(parameter.name(), new StateTensor(dtype, parameter.shape(), values));
        });
    OptionalDouble decay =
        state.decay() < 0 ? OptionalDouble.empty() : OptionalDouble.of(state.decay());
    return new AveragedState(decay, state.updates(), copies);
  }

  /**
   * Replaces the averages, their count and their decay, on this device or another than they are
   * from.
   *
   * @throws IllegalArgumentException if the state is of a mean and this is an exponential average
   *     or the reverse, or has averages of other names, shapes or types than the optimizer's
   *     parameters; nothing is changed
   * @throws IllegalStateException if the average is swapped in, or this or the optimizer is closed;
   *     nothing is changed
   * @throws DeviceException if the device fails; nothing is changed, unless the message says what
   *     was
   */
  public void loadStateDict(AveragedState newState) {
    checkOpen();
    checkNotSwapped();
    followParameters();
    check(newState);
    List<String> loaded = new ArrayList<>();
    averages.forEach(
        (parameter, average) -> {
          try {
            average.copyFrom(newState.averages().get(parameter.name()).values());
          } catch (DeviceLostException e) {
            throw e; // and with it all averages
          } catch (DeviceException e) {
            throw new DeviceException(
                e,
                ("the averages of %s were loaded and that of %s is not to be trusted, all others"
                        + " and the count are as before")
                    .formatted(loaded, parameter.name()));
          }
          loaded.add(parameter.name());
        });
    state.set(newState.decay().orElse(-1), newState.updates());
  }

  private void check(AveragedState newState) {
    if (newState.decay().isPresent() != state.decay() >= 0) {
      throw new IllegalArgumentException(
          "the state must be of %s, was of %s"
              .formatted(
                  state.decay() < 0 ? "a mean" : "an exponential average",
                  newState.decay().isPresent() ? "an exponential average" : "a mean"));
    }
    Set<String> names = averages.keySet().stream().map(Parameter::name).collect(Collectors.toSet());
    if (!newState.averages().keySet().equals(names)) {
      throw new IllegalArgumentException(
          "the state must have averages of the parameters %s, had %s"
              .formatted(names, newState.averages().keySet()));
    }
    averages
        .keySet()
        .forEach(
            parameter ->
                StateDicts.checkTensor(
                    parameter,
                    "average",
                    DType.of(Precision.averageType(parameter)),
                    newState.averages().get(parameter.name())));
  }

  /** Parameters that joined later begin with their values. */
  private void followParameters() {
    optimizer.paramGroups().forEach(group -> group.parameters().forEach(this::storage));
  }

  private void swap() {
    averages.forEach(
        (parameter, average) -> {
          Storage data = parameter.storage();
          if (data.type() == average.type()) {
            exchange(data, average);
          } else if (swapped) {
            data.copyFrom(aside.remove(parameter));
          } else {
            MemorySegment values = Arena.ofAuto().allocate(data.sizeBytes(), Double.BYTES);
            data.copyTo(values);
            aside.put(parameter, values);
            Values.convert(average, data);
          }
        });
  }

  private static void exchange(Storage data, Storage average) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(data.sizeBytes(), Double.BYTES);
      MemorySegment averaged = arena.allocate(data.sizeBytes(), Double.BYTES);
      data.copyTo(values);
      average.copyTo(averaged);
      data.copyFrom(averaged);
      average.copyFrom(values);
    }
  }

  AverageState state() {
    checkOpen();
    return state;
  }

  /** A step of an optimizer is about to update the average. */
  void use(Optimizer by) {
    checkOpen();
    checkNotSwapped();
    if (by != optimizer) {
      throw new IllegalArgumentException(
          "an average must be updated by the optimizer that it was made for");
    }
  }

  /** Where a parameter's average is; a parameter that joined later begins with its values. */
  Storage storage(Parameter parameter) {
    return averages.computeIfAbsent(
        parameter,
        p -> {
          Storage average = pool.allocate(Precision.averageType(p), p.elementCount());
          Values.convert(p.storage(), average);
          return average;
        });
  }

  private void checkNotSwapped() {
    if (swapped) {
      throw new IllegalStateException("the average is swapped in: call swapOut() first");
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the average is closed");
    }
    optimizer.paramGroups();
  }

  /** As {@link #swapOut}, also after the optimizer was closed. */
  private void giveBack() {
    if (swapped) {
      optimizer.suspend(false);
      averages.keySet().forEach(Parameter::checkMemory);
      swap();
    }
  }

  /**
   * Idempotent.
   *
   * @throws IllegalStateException if the average is swapped in and cannot be taken back, because a
   *     parameter is closed or its memory was freed; the average is freed nevertheless
   * @throws WrongThreadException likewise, if memory is confined to another thread
   */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      try {
        giveBack();
      } finally {
        optimizer.forget(this);
        state.close();
        pool.close();
      }
    }
  }
}
