package dev.warpstep.backend;

import java.util.List;

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
   * Reads a tensor's gradient elsewhere from the next run on.
   *
   * @param tensor its position when the step was prepared
   * @param gradient as long as the old one
   */
  void moveGradient(int tensor, Storage gradient);

  /**
   * Makes room to sum up what steps do, for {@link #run} with sums; idempotent.
   *
   * @throws OutOfMemoryError if there is not enough memory
   */
  void prepareSums();

  /** Sends whatever changed on the host since the last run, as {@link #run} does by itself. */
  void send();

  /**
   * Updates every tensor once and advances its counter.
   *
   * @param sums whether to sum up what the step does, for {@link #sums}
   * @return names of the tensors whose values and states are not to be trusted, because their
   *     memory was freed while the step ran; usually empty
   */
  List<String> run(boolean sums);

  /**
   * What the last run with sums did to each tensor; waits for it. Not defined if it was skipped.
   *
   * @return one for each tensor, in their order
   */
  List<TensorSums> sums();

  @Override
  void close();
}
