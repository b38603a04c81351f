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
    struct.touch(0, WsScaler.sizeof());
    set(scale, 0);
  }

  /** What a scaler needs. */
  public static long sizeBytes() {
    return WsScaler.sizeof();
  }

  /** Replaces scale and growth tracker; everything else the device wrote is kept. */
  public void set(float scale, int growthTracker) {
    MemorySegment raw = struct.host();
    WsScaler.scale(raw, scale);
    WsScaler.growth_tracker(raw, growthTracker);
    struct.touch(0, WsScaler.sizeof());
  }

  /** The current scale, after all work given so far. */
  public float scale() {
    struct.send();
    struct.receive();
    return WsScaler.scale(struct.host());
  }

  /** Steps in a row without an infinity, after all work given so far. */
  public int growthTracker() {
    struct.send();
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
