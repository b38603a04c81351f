package dev.warpstep.cli.bench;

import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.backend.Backend;
import java.util.List;

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

  /** The device, closed with this. */
  Device device();

  /** Parameters and gradients in memory of the device, filled with {@link Values#tile()}. */
  List<Parameter> parameters(Precision precision, ModelShape model);

  /** The gradients of parameters in memory of the device; closed before them. */
  Gradients gradients(Precision precision, List<Parameter> parameters);

  /** A backend of its own on the device, closed by the caller. */
  Backend newBackend();

  /**
   * A place by name.
   *
   * @param name {@code cpu}, {@code cpu:<threads>}, {@code cuda} or {@code cuda:<ordinal>}
   * @throws IllegalArgumentException if the name is none of these
   * @throws dev.warpstep.DeviceUnavailableException if that device is not available
   */
  static Place of(String name) {
    if (name.matches("cpu(:[1-9][0-9]{0,3})?")) {
      return new CpuPlace(
          name.equals("cpu")
              ? Runtime.getRuntime().availableProcessors()
              : Integer.parseInt(name.substring("cpu:".length())));
    }
    if (name.matches("cuda(:[0-9]{1,4})?")) {
      return new CudaPlace(
          name.equals("cuda") ? 0 : Integer.parseInt(name.substring("cuda:".length())));
    }
    throw new IllegalArgumentException(
        "device must be cpu, cpu:<threads>, cuda or cuda:<ordinal>, was " + name);
  }

  /**
   * A rule on a model, fused and unfused.
   *
   * @throws OutOfMemoryError or {@link dev.warpstep.error.DeviceMemoryException} if it does not fit
   */
  Subject subject(Rule rule, ModelShape model);

  /**
   * A rule on a model, fused alone, which needs half the memory.
   *
   * @throws OutOfMemoryError or {@link dev.warpstep.error.DeviceMemoryException} if it does not fit
   */
  Subject fused(Rule rule, Precision precision, ModelShape model);

  /** Whether there is memory for a {@link #subject}. */
  boolean fits(ModelShape model);

  /** More parameters than this take longer to set up than to measure. */
  long mostParameters();

  /** Begins to time what comes now. */
  void startClock();

  /**
   * Time from {@link #startClock} until the device is done with all that was given to it.
   *
   * @return milliseconds
   */
  double stopClock();

  /** Time that work takes, in milliseconds. */
  default double milliseconds(Runnable work) {
    startClock();
    work.run();
    return stopClock();
  }

  @Override
  void close();
}
