package dev.warpstep.backend;

import java.lang.foreign.MemorySegment;

/**
 * A struct in the memory of a backend that the host and its kernels both write. The host works on a
 * copy of its own, which is sent before kernels read it and received when it is asked for. Not
 * thread-safe.
 */
public interface DeviceStruct extends AutoCloseable {
  /** The host's copy, zero at first; what is written there must be {@link #touch}ed. */
  MemorySegment host();

  /** Marks bytes of the host's copy as written. */
  void touch(long beginByte, long endByte);

  /** Sends what was touched since the last time, if anything was, in order with other work. */
  void send();

  /**
   * Replaces the host's copy by what the kernels left, after all work given so far. What was
   * touched is sent before, so that it is not lost.
   */
  void receive();

  /** Where kernels find it. */
  long address();

  /** Idempotent. */
  @Override
  void close();
}
