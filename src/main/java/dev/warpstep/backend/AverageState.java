package dev.warpstep.backend;

import dev.warpstep.backend.bindings.WsAverage;

/** How often an average was updated, and with which weight the next value counts. */
public final class AverageState implements AutoCloseable {
  private final DeviceStruct struct;
  private double decay;
  private boolean deviceCounts;

  /**
   * @param struct of {@link #sizeBytes} bytes, which is closed with this
   * @param decay of the exponential average; negative: the mean of all values
   */
  public AverageState(DeviceStruct struct, double decay) {
    this.struct = struct;
    set(decay, 0);
  }

  /** What the state of an average needs. */
  public static long sizeBytes() {
    return WsAverage.sizeof();
  }

  /**
   * Goes on from another average.
   *
   * @param newDecay as in the constructor
   * @param updates so far
   */
  public void set(double newDecay, long updates) {
    decay = newDecay;
    WsAverage.decay(struct.host(), newDecay);
    WsAverage.updates(struct.host(), updates);
    struct.touch(0, WsAverage.sizeof());
    deviceCounts = false;
  }

  /** Of the exponential average; negative: the mean of all values. */
  public double decay() {
    return decay;
  }

  /** A norm pass will count the next update, unless it skips. */
  public void leaveToDevice() {
    struct.send();
    deviceCounts = true;
  }

  /** Weight of the next value, as next_average in kernels/gradients.h. */
  public double nextWeight() {
    long updates = updates();
    if (updates == 0) {
      return 1;
    }
    return decay >= 0 ? 1 - decay : 1.0 / (updates + 1);
  }

  /** Counts an update that no norm pass counts. */
  public void count() {
    WsAverage.updates(struct.host(), updates() + 1);
    struct.touch(WsAverage.updates$offset(), WsAverage.sizeof());
  }

  /** Updates so far, after all work given so far. */
  public long updates() {
    if (deviceCounts) {
      struct.receive();
      deviceCounts = false;
    }
    return WsAverage.updates(struct.host());
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
