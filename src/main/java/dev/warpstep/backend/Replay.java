package dev.warpstep.backend;

/** Work that was recorded once and runs many times. Not thread-safe. */
public interface Replay extends AutoCloseable {
  /** Gives all of it to the device, in order with other work. */
  void run();

  /** Idempotent. */
  @Override
  void close();
}
