package dev.warpstep.backend;

/** Memory that is allocated piece by piece and freed at once. Not thread-safe. */
public interface StoragePool extends AutoCloseable {
  /**
   * Allocates elements, all zero, aligned for the widest access of the backend.
   *
   * @throws OutOfMemoryError if there is not enough memory; names the values asked for
   */
  Storage allocate(ElementType type, long elementCount);

  /** Frees everything allocated here; idempotent. */
  @Override
  void close();
}
