package dev.warpstep.cli.bench;

/**
 * Where contenders run, and what times them there. For the thread that opened it; {@link #close}
 * comes after that of everything made here.
 */
public sealed interface Place extends AutoCloseable permits CpuPlace, CudaPlace {
  /** {@code cpu}, or {@code cuda:} and the ordinal. */
  String name();

  /** For people. */
  String description();

  /** Threads of the CPU that a step uses; 0 on CUDA. */
  int threads();

  /** How many elements each array of {@link #copy} and {@link #stream} should have. */
  int probeElements();

  /** Copies one array to another. */
  Contender copy(int elements);

  /** Reads four arrays and writes three. */
  StreamProbe stream(int elements);

  /**
   * A rule on a model.
   *
   * @throws OutOfMemoryError or {@link dev.warpstep.error.DeviceMemoryException} if it does not fit
   */
  Subject subject(Rule rule, ModelShape model);

  /** Whether there is memory for a {@link #subject}. */
  boolean fits(ModelShape model);

  /** More parameters than this take longer to set up than to measure. */
  long mostParameters();

  /**
   * Time that work takes, from its start until the device is done.
   *
   * @return milliseconds
   */
  double milliseconds(Runnable work);

  @Override
  void close();
}
