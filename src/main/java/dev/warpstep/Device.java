package dev.warpstep;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.cpu.CpuBackend;
import dev.warpstep.backend.cuda.CudaBackend;
import dev.warpstep.error.CudaUnavailableException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Where updates run. A device owns its threads and may serve several optimizers; it is closed after
 * them. Closing is idempotent; afterwards a step on it throws {@link IllegalStateException}. All
 * methods may be called by any thread.
 */
public final class Device implements AutoCloseable {
  private static final Logger LOG = System.getLogger("dev.warpstep");

  private final String name;
  private final Backend backend;

  private Device(String name, Backend backend) {
    this.name = name;
    this.backend = backend;
  }

  /**
   * CUDA when it is available, else the CPU; logs what was chosen and why in one line.
   *
   * @throws DeviceUnavailableException if there is neither
   * @throws IllegalStateException if this jar lacks its kernels: that is no reason to fall back
   */
  public static Device best() {
    try {
      Device device = openCuda(0, OptionalLong.empty());
      LOG.log(Level.INFO, () -> "Warpstep runs on " + device.description());
      return device;
    } catch (CudaUnavailableException cause) {
      Device device = cpu();
      LOG.log(
          Level.INFO,
          () ->
              "Warpstep runs on %s; CUDA is not available: %s"
                  .formatted(device.description(), cause.getMessage()));
      return device;
    }
  }

  /**
   * The CPU, with as many threads as it has processors.
   *
   * @throws IllegalArgumentException if {@code -Dwarpstep.cpu.isa} names an instruction set that
   *     this processor does not have
   * @throws DeviceUnavailableException if the native library could not be loaded
   */
  public static Device cpu() {
    return cpu(Runtime.getRuntime().availableProcessors());
  }

  /**
   * The CPU. The number of threads changes the speed, never a bit of the result.
   *
   * @param threads how many threads a step uses, the calling one included; positive
   * @throws IllegalArgumentException if {@code threads} is not in [1, 9999], or {@code
   *     -Dwarpstep.cpu.isa} names an instruction set that this processor does not have
   * @throws DeviceUnavailableException if the native library could not be loaded
   */
  public static Device cpu(int threads) {
    return openCpu(threads, Optional.ofNullable(System.getProperty(CpuBackend.ISA_PROPERTY)));
  }

  /**
   * The CPU with a certain instruction set, which changes the speed, never a bit of the result.
   *
   * @param threads how many threads a step uses, the calling one included; positive
   * @param instructionSet one of {@link #cpuInstructionSets()}
   * @throws IllegalArgumentException if {@code threads} is not in [1, 9999], or this processor has
   *     no such instruction set
   * @throws DeviceUnavailableException if the native library could not be loaded
   */
  public static Device cpu(int threads, String instructionSet) {
    return openCpu(threads, Optional.of(instructionSet));
  }

  private static Device openCpu(int threads, Optional<String> instructionSet) {
    ensureCpuIsAvailable();
    return new Device("cpu", new CpuBackend(threads, instructionSet));
  }

  /**
   * The instruction sets that this processor has and this library knows, slowest first.
   *
   * @throws DeviceUnavailableException if the native library could not be loaded
   */
  public static List<String> cpuInstructionSets() {
    ensureCpuIsAvailable();
    return CpuBackend.supportedIsas();
  }

  private static void ensureCpuIsAvailable() {
    Optional<Throwable> cause = cpuUnavailabilityCause();
    if (cause.isPresent()) {
      throw new DeviceUnavailableException("cpu", cause.get());
    }
  }

  /**
   * The CUDA device with ordinal 0.
   *
   * @throws DeviceUnavailableException if CUDA is not available, with {@link
   *     #cudaUnavailabilityCause()}
   */
  public static Device cuda() {
    return cuda(0);
  }

  /**
   * A CUDA device. Its primary context is shared with everything else in the process that uses
   * CUDA.
   *
   * @param ordinal of the device, from 0
   * @throws DeviceUnavailableException if there is no such device or CUDA is not available, with a
   *     {@link CudaUnavailableException} as its cause
   * @throws IllegalStateException if this jar lacks its kernels
   */
  public static Device cuda(int ordinal) {
    return cuda(ordinal, OptionalLong.empty());
  }

  /**
   * A CUDA device that works on a stream of the caller, in order with what the caller puts there.
   *
   * @param ordinal of the device, from 0
   * @param stream handle of a stream (a {@code CUstream}) of the device's primary context, 0 for
   *     the default stream; it must stay alive until the device is closed
   * @throws IllegalArgumentException if the stream belongs to another context
   * @throws DeviceUnavailableException if there is no such device or CUDA is not available, with a
   *     {@link CudaUnavailableException} as its cause
   * @throws IllegalStateException if this jar lacks its kernels
   */
  public static Device cuda(int ordinal, long stream) {
    return cuda(ordinal, OptionalLong.of(stream));
  }

  private static Device cuda(int ordinal, OptionalLong stream) {
    try {
      return openCuda(ordinal, stream);
    } catch (CudaUnavailableException e) {
      throw new DeviceUnavailableException("cuda:" + ordinal, e);
    }
  }

  private static Device openCuda(int ordinal, OptionalLong stream) {
    return new Device("cuda:" + ordinal, new CudaBackend(ordinal, stream, CpuBackend::entryOf));
  }

  /**
   * A device by name.
   *
   * @param name {@code best}, {@code cpu}, {@code cpu:<threads>}, {@code cuda} or {@code
   *     cuda:<ordinal>}
   * @throws IllegalArgumentException if the name is none of these
   * @throws DeviceUnavailableException if that device is not available
   */
  public static Device of(String name) {
    return switch (name) {
      case "best" -> best();
      case "cpu" -> cpu();
      case "cuda" -> cuda();
      default -> {
        if (name.matches("cpu:[1-9][0-9]{0,3}")) {
          yield cpu(Integer.parseInt(name.substring("cpu:".length())));
        }
        if (name.matches("cuda:[0-9]{1,4}")) {
          yield cuda(Integer.parseInt(name.substring("cuda:".length())));
        }
        throw new IllegalArgumentException(
            "device must be best, cpu, cpu:<threads>, cuda or cuda:<ordinal>, was " + name);
      }
    };
  }

  /**
   * Why there is no CUDA device, or empty if there is one.
   *
   * @throws IllegalStateException if this jar lacks its kernels
   */
  public static Optional<Throwable> cudaUnavailabilityCause() {
    try {
      openCuda(0, OptionalLong.empty()).close();
      return Optional.empty();
    } catch (CudaUnavailableException e) {
      return Optional.of(e);
    }
  }

  /** Why there is no CPU device, or empty if there is one. */
  public static Optional<Throwable> cpuUnavailabilityCause() {
    return CpuBackend.unavailabilityCause();
  }

  /** {@code cpu}, or {@code cuda:} and the ordinal. */
  public String name() {
    return name;
  }

  /** For people: what the device is, and how it is used. */
  public String description() {
    return backend.description();
  }

  /**
   * Waits until every step so far is done. A step on the CPU is when it returns; on CUDA it only
   * waits in the device's queue by then. Whoever reads values through this library need not wait,
   * whoever measures time must.
   *
   * @throws dev.warpstep.error.DeviceException if a step failed on the device
   * @throws IllegalStateException if the device is closed
   */
  public void synchronize() {
    backend().synchronize();
  }

  Backend backend() {
    if (backend.isClosed()) {
      throw new IllegalStateException("device %s is closed".formatted(name));
    }
    return backend;
  }

  @Override
  public void close() {
    backend.close();
  }

  @Override
  public String toString() {
    return description();
  }
}
