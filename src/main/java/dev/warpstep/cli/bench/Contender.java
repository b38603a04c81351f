package dev.warpstep.cli.bench;

/** Whatever is timed: a step of an optimizer, or of nothing but memory. */
public interface Contender extends AutoCloseable {
  /** Does it once; on CUDA, queues it. */
  void step();

  /**
   * Bytes that a step has to move if it passes over the memory once, each array counted once for
   * reading and once for writing.
   */
  long bytesPerStep();

  @Override
  void close();
}
