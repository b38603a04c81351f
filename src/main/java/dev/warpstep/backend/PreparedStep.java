package dev.warpstep.backend;

/** A step that was built once and runs many times without allocating. Not thread-safe. */
public interface PreparedStep extends AutoCloseable {
  /**
   * Proves that everything the step touches may be touched now, so that a step is refused as a
   * whole rather than in the middle.
   *
   * @throws IllegalStateException if a tensor's memory was closed or freed; it is named
   * @throws WrongThreadException if a tensor's memory is confined to another thread
   */
  void verify();

  /**
   * Updates every tensor once and advances its counter.
   *
   * @throws IllegalStateException if memory was closed while the step ran; names the tensors whose
   *     values and states are not to be trusted
   */
  void run();

  @Override
  void close();
}
