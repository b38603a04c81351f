package dev.warpstep.backend;

import dev.warpstep.backend.bindings.WsScaler;
import java.lang.foreign.MemorySegment;

/** A gradient scale that norm passes read and update ({@code WsScaler}). */
public final class ScalerState implements AutoCloseable {
  private final DeviceStruct struct;

  /**
   * @param struct of {@link #sizeBytes} bytes, which is closed with this
   */
  public ScalerState(
      DeviceStruct struct,
      float scale,
      double growthFactor,
      double backoffFactor,
      int growthInterval) {
    this.struct = struct;
    MemorySegment raw = struct.host();
    WsScaler.growth_factor(raw, growthFactor);
    WsScaler.backoff_factor(raw, backoffFactor);
    WsScaler.growth_interval(raw, growthInterval);
    set(scale);
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
    WsScaler.scale(raw, scale);
    WsScaler.growth_tracker(raw, 0);
    WsScaler.found_infinity(raw, 0);
    struct.touch(0, WsScaler.sizeof());
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
