package dev.warpstep.backend;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;

/**
 * The elements of one tensor, somewhere in the memory of one backend. Whoever allocated the memory
 * frees it: the caller, or a {@link StoragePool}.
 */
public interface Storage {
  /** What the elements are. */
  ElementType type();

  /** Number of elements. */
  long elementCount();

  /** Bytes of all elements. */
  default long sizeBytes() {
    return elementCount() * type().sizeBytes();
  }

  /** Address of the first value in memory of a device; empty in host memory. */
  OptionalLong deviceAddress();

  /** Whether the values may still be read and written: not freed by their owner. */
  boolean isAlive();

  /**
   * Whether this and another storage are the same elements of the same memory, so that one can take
   * the other's place in a prepared step.
   */
  boolean isSameMemory(Storage other);

  /** Which bytes of which memory this is. */
  MemoryRange range();

  /**
   * Copies all values to host memory.
   *
   * @param destination at least {@code sizeBytes()} long
   * @throws IllegalStateException if this storage is not alive
   */
  void copyTo(MemorySegment destination);

  /**
   * Copies all values from host memory.
   *
   * @param source at least {@code sizeBytes()} long
   * @throws IllegalStateException if this storage is not alive
   */
  void copyFrom(MemorySegment source);

  /**
   * Sets all values to zero.
   *
   * @throws IllegalStateException if this storage is not alive
   */
  void fillZero();
}
