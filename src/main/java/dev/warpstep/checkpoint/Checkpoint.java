package dev.warpstep.checkpoint;

import dev.warpstep.AveragedState;
import dev.warpstep.GradScalerState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.lr.SchedulerState;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Everything a run needs to go on as if it had never stopped.
 *
 * <pre>{@code
 * Checkpoint checkpoint = Checkpoint.builder(step, adam.stateDict())
 *     .scheduler("lr", schedule.stateDict())
 *     .seed(seed)
 *     .build();
 * CheckpointFile.save(file, checkpoint);
 * }</pre>
 *
 * <p>Names may hold any Unicode. Nothing is copied but lists and maps: tensors stay where they are.
 *
 * @param step of the run, which names its file in a {@link CheckpointFolder}; 0 to 2^53
 * @param seed of the run's random numbers, any number
 * @param optimizer its groups and its state, with the seed of stochastic rounding
 * @param parameters values by name, of any type; empty if they are kept elsewhere
 * @param schedulers by a name of your choice
 * @param scaler of the gradients
 * @param averages by a name of your choice, without a dot
 * @param metadata of your own, which any safetensors reader shows; keys must not begin with {@code
 *     warpstep.}
 */
public record Checkpoint(
    long step,
    OptionalLong seed,
    StateDict optimizer,
    Map<String, StateTensor> parameters,
    Map<String, SchedulerState> schedulers,
    Optional<GradScalerState> scaler,
    Map<String, AveragedState> averages,
    Map<String, String> metadata) {
  /**
   * Copies the maps.
   *
   * @throws IllegalArgumentException if the step is out of range, the name of an average empty or
   *     with a dot, or a key of the metadata one of the library's
   */
  public Checkpoint {
    Counts.check("step", step);
    Objects.requireNonNull(seed, "seed");
    Objects.requireNonNull(optimizer, "optimizer");
    Objects.requireNonNull(scaler, "scaler");
    parameters = copy(parameters);
    schedulers = copy(schedulers);
    averages = copy(averages);
    metadata = copy(metadata);
    for (String name : averages.keySet()) {
      if (name.isEmpty() || name.contains(".")) {
        throw new IllegalArgumentException(
            "an average's name must not be empty nor have a dot, was '%s'".formatted(name));
      }
    }
    for (String key : metadata.keySet()) {
      if (key.startsWith(Keys.OWN)) {
        throw new IllegalArgumentException(
            "a key of metadata must not begin with %s, was '%s'".formatted(Keys.OWN, key));
      }
    }
  }

  private static <V> Map<String, V> copy(Map<String, V> map) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(map));
  }

  /** A checkpoint of an optimizer, at a step of the run. */
  public static Builder builder(long step, StateDict optimizer) {
    return new Builder(step, optimizer);
  }

  /** What else a checkpoint holds. */
  public static final class Builder {
    private final long step;
    private final StateDict optimizer;
    private OptionalLong seed = OptionalLong.empty();
    private final Map<String, StateTensor> parameters = new LinkedHashMap<>();
    private final Map<String, SchedulerState> schedulers = new LinkedHashMap<>();
    private Optional<GradScalerState> scaler = Optional.empty();
    private final Map<String, AveragedState> averages = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    private Builder(long step, StateDict optimizer) {
      this.step = step;
      this.optimizer = optimizer;
    }

    /** The seed of the run's random numbers. */
    public Builder seed(long seed) {
      this.seed = OptionalLong.of(seed);
      return this;
    }

    /** The values of a parameter. */
    public Builder parameter(String name, StateTensor values) {
      parameters.put(name, values);
      return this;
    }

    /** A schedule of learning rates. */
    public Builder scheduler(String name, SchedulerState state) {
      schedulers.put(name, state);
      return this;
    }

    /** The scaler of the gradients. */
    public Builder scaler(GradScalerState scaler) {
      this.scaler = Optional.of(scaler);
      return this;
    }

    /** An average of the parameters. */
    public Builder average(String name, AveragedState state) {
      averages.put(name, state);
      return this;
    }

    /** A text of your own. */
    public Builder metadata(String key, String value) {
      metadata.put(key, value);
      return this;
    }

    /**
     * The checkpoint.
     *
     * @throws IllegalArgumentException as {@link Checkpoint}
     */
    public Checkpoint build() {
      return new Checkpoint(
          step, seed, optimizer, parameters, schedulers, scaler, averages, metadata);
    }
  }
}
