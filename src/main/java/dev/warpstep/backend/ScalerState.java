package dev.warpstep.backend;

import dev.warpstep.backend.bindings.WsScaler;
import java.lang.foreign.MemorySegment;

/** A gradient scale that norm passes read and update ({@code WsScaler}). */
public final class ScalerState implements AutoCloseable {
  private final DeviceStruct struct;

  /**
   * Everything that outlives an update of the scale.
   *
   * @param growthTracker steps in a row without an infinity
   */
  public record Settings(
      float scale,
      double growthFactor,
      double backoffFactor,
      int growthInterval,
      int growthTracker) {}

  /**
   * @param struct of {@link #sizeBytes} bytes, which is closed with this
   */
  public ScalerState(DeviceStruct struct, Settings settings) {
    this.struct = struct;
    set(settings);
  }

  /** What a scaler needs. */
  public static long sizeBytes() {
    return WsScaler.sizeof();
  }

  /**
   * Sets the scale; what counted for its next update, infinities and steps without, is forgotten.
   */
  public void set(float scale) {
    MemorySegment raw = struct.host();
    set(
        new Settings(
            scale,
            WsScaler.growth_factor(raw), // only the host changes these
            WsScaler.backoff_factor(raw),
            WsScaler.growth_interval(raw),
            0));
  }

  /** Sets everything; infinities that were found are forgotten. */
  public void set(Settings settings) {
    MemorySegment raw = struct.host();
    WsScaler.growth_factor(raw, settings.growthFactor());
    WsScaler.backoff_factor(raw, settings.backoffFactor());
    WsScaler.growth_interval(raw, settings.growthInterval());
    WsScaler.scale(raw, settings.scale());
    WsScaler.growth_tracker(raw, settings.growthTracker());
    WsScaler.found_infinity(raw, 0);
    struct.touch(0, WsScaler.sizeof());
  }

  /** Everything, after all work given so far. */
  public Settings get() {
    struct.receive();
    MemorySegment raw = struct.host();
    return new Settings(
        WsScaler.scale(raw),
        WsScaler.growth_factor(raw),
        WsScaler.backoff_factor(raw),
        WsScaler.growth_interval(raw),
        WsScaler.growth_tracker(raw));
  }

  /** The current scale, after all work given so far. */
  public float scale() {
    struct.receive();
    return WsScaler.scale(struct.host());
  }

  /** Steps in a row without an infinity, after all work given so far. */
  public int growthTracker() {
    struct.receive();
    return WsScaler.growth_tracker(struct.host());
  }

  /** Where kernels find the scale itself. */
  public long scaleAddress() {
    struct.send();
    return struct.address() + WsScaler.scale$offset();
  }

  /** The struct, for kernels. */
  public DeviceStruct struct() {
    return struct;
  }

  @Override
  public void close() {
    struct.close();
  }
}
