package dev.warpstep;

import dev.warpstep.backend.ScalerState;
import java.util.HashSet;
import java.util.Set;

/**
 * Keeps gradients of a low precision in its range: the loss is multiplied by a scale that grows as
 * long as all gradients stay finite, and shrinks when one does not; that step is skipped.
 *
 * <pre>{@code
 * GradScaler scaler = GradScaler.builder().build(device);
 * StepOptions options = StepOptions.builder().gradScaler(scaler).maxNorm(1).zeroGrad(true).build();
 * for (Batch batch : batches) {
 *   backward(batch, scaler.scale());    // of the loss times the scale
 *   adam.step(options);
 * }
 * }</pre>
 *
 * <p>Rules and defaults are those of {@code torch.amp.GradScaler}. Scale and growth tracker live on
 * the device, where the step updates them; {@link #scale()} waits for it. A skipped step changes
 * neither parameters nor state nor step counters nor averages; gradients are zeroed if the options
 * say so, and otherwise stay as they are.
 *
 * <p>One thread at a time, together with the optimizers that use it. {@link #close} is idempotent;
 * afterwards every use throws {@link IllegalStateException}.
 */
public final class GradScaler implements AutoCloseable {
  private final Device device;
  private final ScalerState state;
  private final Set<Optimizer> stepped = new HashSet<>();
  private boolean closed;

  private GradScaler(Device device, Builder builder) {
    this.device = device;
    this.state =
        new ScalerState(
            device.backend().newStruct(ScalerState.sizeBytes()),
            (float) builder.initScale,
            builder.growthFactor,
            builder.backoffFactor,
            builder.growthInterval);
  }

  /** Settings at PyTorch's defaults: 65,536, factors 2 and 0.5, growth every 2,000 steps. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * What to multiply the next loss by. Waits for the device.
   *
   * @throws IllegalStateException if the scaler or its device is closed
   */
  public double scale() {
    checkOpen();
    return state.scale();
  }

  /**
   * Where the scale is on the device, as one fp32 value, for a backward pass that multiplies there
   * and therefore need not wait.
   *
   * @throws IllegalStateException if the scaler or its device is closed
   */
  public long scaleAddress() {
    checkOpen();
    return state.scaleAddress();
  }

  /**
   * Steps in a row without an infinity or NaN. Waits for the device.
   *
   * @throws IllegalStateException if the scaler or its device is closed
   */
  public int growthTracker() {
    checkOpen();
    return state.growthTracker();
  }

  /**
   * Updates the scale, once after all steps of an iteration that used it without updating it.
   *
   * @throws IllegalStateException if no step did, or the scaler or its device is closed
   */
  public void update() {
    checkOpen();
    if (stepped.isEmpty()) {
      throw new IllegalStateException(
          "GradScaler: no step used the scaler without updating it since the last update()");
    }
    stepped.clear();
    device.backend().updateScaler(state);
  }

  /**
   * Sets the scale. What counted for its next update is forgotten: infinities, and steps in a row
   * without one, which {@code torch.amp.GradScaler} goes on counting.
   *
   * @throws IllegalArgumentException if it is not positive and finite in fp32
   * @throws IllegalStateException if the scaler or its device is closed
   */
  public void update(double newScale) {
    checkOpen();
    Builder.checkScale("newScale", newScale);
    stepped.clear();
    state.set((float) newScale);
  }

  ScalerState state() {
    checkOpen();
    return state;
  }

  /** An optimizer is about to unscale with it. */
  void use(Optimizer optimizer, boolean updates) {
    checkOpen();
    if (optimizer.device() != device) {
      throw new IllegalArgumentException(
          "GradScaler: must be on the optimizer's device %s, was on %s"
              .formatted(optimizer.device(), device));
    }
    if (updates ? !stepped.isEmpty() : stepped.contains(optimizer)) {
      throw new IllegalStateException(
          "GradScaler: gradients of this optimizer were unscaled since the last update(), call it"
              + " first");
    }
    if (!updates) {
      stepped.add(optimizer);
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the GradScaler is closed");
    }
    device.backend();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      state.close();
    }
  }

  @Override
  public String toString() {
    return "GradScaler on " + device;
  }

  /** Settings of a scaler to be built. */
  public static final class Builder {
    private double initScale = 65_536;
    private double growthFactor = 2;
    private double backoffFactor = 0.5;
    private int growthInterval = 2_000;

    private Builder() {}

    /**
     * The first scale.
     *
     * @throws IllegalArgumentException if it is not positive and finite in fp32
     */
    public Builder initScale(double initScale) {
      checkScale("initScale", initScale);
      this.initScale = initScale;
      return this;
    }

    /**
     * What the scale is multiplied by after enough steps in a row without an infinity.
     *
     * @throws IllegalArgumentException if it is not above 1 and finite
     */
    public Builder growthFactor(double growthFactor) {
      if (!(growthFactor > 1) || Double.isInfinite(growthFactor)) {
        throw new IllegalArgumentException(
            "GradScaler: growthFactor must be above 1 and finite, was " + growthFactor);
      }
      this.growthFactor = growthFactor;
      return this;
    }

    /**
     * What the scale is multiplied by after a step with an infinity.
     *
     * @throws IllegalArgumentException if it is not in (0, 1)
     */
    public Builder backoffFactor(double backoffFactor) {
      if (!(backoffFactor > 0) || !(backoffFactor < 1)) {
        throw new IllegalArgumentException(
            "GradScaler: backoffFactor must be in (0, 1), was " + backoffFactor);
      }
      this.backoffFactor = backoffFactor;
      return this;
    }

    /**
     * How many steps in a row without an infinity let the scale grow.
     *
     * @throws IllegalArgumentException if it is not positive
     */
    public Builder growthInterval(int growthInterval) {
      if (growthInterval <= 0) {
        throw new IllegalArgumentException(
            "GradScaler: growthInterval must be positive, was " + growthInterval);
      }
      this.growthInterval = growthInterval;
      return this;
    }

    /**
     * A scaler for optimizers on a device.
     *
     * @throws IllegalStateException if the device is closed
     */
    public GradScaler build(Device device) {
      return new GradScaler(device, this);
    }

    private static void checkScale(String name, double scale) {
      if (!((float) scale > 0) || Float.isInfinite((float) scale)) {
        throw new IllegalArgumentException(
            "GradScaler: %s must be positive and finite in fp32, was %s".formatted(name, scale));
      }
    }
  }
}
