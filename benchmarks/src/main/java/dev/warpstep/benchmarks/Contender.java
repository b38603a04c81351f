package dev.warpstep.benchmarks;

/** One side of a comparison: whatever updates every tensor of a model once per step. */
interface Contender extends AutoCloseable {
  /** Updates every tensor. */
  void step();

  /** What a step has to move per parameter if it passes over the memory once. */
  int bytesPerParameter();

  @Override
  void close();
}
