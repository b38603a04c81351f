package dev.warpstep.backend;

/**
 * The hyper-parameter rows, step counters and control of one optimizer, in the memory of its
 * backend. They outlive the prepared steps that read them. Not thread-safe.
 */
public interface Tables extends AutoCloseable {
  /**
   * Makes room for more rows and counters; existing values stay, new ones are zero. Steps prepared
   * before must be prepared again.
   */
  void grow(int rowCount, int counterCount);

  /** Writes one value of a row; the next step uses it. */
  void setSlot(int row, int slot, double value);

  /** Completed steps of a tensor. */
  long counter(int index);

  void setCounter(int index, long steps);

  /** How steps treat gradients. */
  StepControl control();

  @Override
  void close();
}
