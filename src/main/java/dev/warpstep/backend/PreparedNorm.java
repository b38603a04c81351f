package dev.warpstep.backend;

/**
 * A norm pass over gradients that was built once and runs many times without allocating: one read
 * of all of them, and the verdict on them in the optimizer's {@link StepControl}. Not thread-safe.
 */
public interface PreparedNorm extends AutoCloseable {
  /**
   * Reads a tensor's gradient elsewhere from the next run on.
   *
   * @param tensor its position when the pass was prepared
   * @param gradient as long as the old one
   */
  void moveGradient(int tensor, Storage gradient);

  /** Sends whatever changed on the host since the last run, as {@link #run} does by itself. */
  void send();

  /** Runs the pass with the settings that the control was asked for. */
  void run();

  @Override
  void close();
}
