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
            device.backend().newStruct(ScalerState.sizeBytes()), settings(builder.state()));
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
    GradScalerState.checkScale("newScale", newScale);
    stepped.clear();
    state.set((float) newScale);
  }

  /**
   * A copy of settings, scale and growth tracker; {@link #loadStateDict} of it continues as if
   * nothing had happened, bit for bit. Waits for the device.
   *
   * @throws IllegalStateException if steps used the scaler and {@link #update()} did not follow
   *     them, or the scaler or its device is closed
   */
  public GradScalerState stateDict() {
    checkOpen();
    if (!stepped.isEmpty()) {
      throw new IllegalStateException(
          "GradScaler: steps used the scaler and are not counted yet, call update() first");
    }
    ScalerState.Settings settings = state.get();
    return new GradScalerState(
        settings.scale(),
        settings.growthFactor(),
        settings.backoffFactor(),
        settings.growthInterval(),
        settings.growthTracker());
  }

  /**
   * Replaces settings, scale and growth tracker, on this device or another than they are from.
   * Steps that used the scaler and are not counted yet are forgotten.
   *
   * @throws IllegalStateException if the scaler or its device is closed
   */
  public void loadStateDict(GradScalerState newState) {
    checkOpen();
    ScalerState.Settings settings = settings(newState);
    stepped.clear();
    state.set(settings);
  }

  private static ScalerState.Settings settings(GradScalerState state) {
    return new ScalerState.Settings(
        (float) state.scale(),
        state.growthFactor(),
        state.backoffFactor(),
        state.growthInterval(),
        state.growthTracker());
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
      GradScalerState.checkScale("initScale", initScale);
      this.initScale = initScale;
      return this;
    }

    /**
     * What the scale is multiplied by after enough steps in a row without an infinity.
     *
     * @throws IllegalArgumentException if it is not above 1 and finite
     */
    public Builder growthFactor(double growthFactor) {
      GradScalerState.checkGrowthFactor(growthFactor);
      this.growthFactor = growthFactor;
      return this;
    }

    /**
     * What the scale is multiplied by after a step with an infinity.
     *
     * @throws IllegalArgumentException if it is not in (0, 1)
     */
    public Builder backoffFactor(double backoffFactor) {
      GradScalerState.checkBackoffFactor(backoffFactor);
      this.backoffFactor = backoffFactor;
      return this;
    }

    /**
     * How many steps in a row without an infinity let the scale grow.
     *
     * @throws IllegalArgumentException if it is not positive
     */
    public Builder growthInterval(int growthInterval) {
      GradScalerState.checkGrowthInterval(growthInterval);
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

    private GradScalerState state() {
      return new GradScalerState(initScale, growthFactor, backoffFactor, growthInterval, 0);
    }
  }
}
