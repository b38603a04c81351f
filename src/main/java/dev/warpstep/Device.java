package dev.warpstep;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.cpu.CpuBackend;
import dev.warpstep.backend.cuda.CudaKernels;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Optional;

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
    Throwable noCuda = CudaKernels.unavailabilityCause();
    Device device = cpu();
    LOG.log(
        Level.INFO,
        () ->
            "Warpstep runs on %s; CUDA is not available: %s"
                .formatted(device.description(), noCuda.getMessage()));
    return device;
  }

  /**
   * The CPU, with as many threads as it has processors.
   *
   * @throws DeviceUnavailableException if the native library could not be loaded
   */
  public static Device cpu() {
    return cpu(Runtime.getRuntime().availableProcessors());
  }

  /**
   * The CPU. The number of threads changes the speed, never a bit of the result.
   *
   * @param threads how many threads a step uses, the calling one included; positive
   * @throws IllegalArgumentException if {@code threads} is not positive
   * @throws DeviceUnavailableException if the native library could not be loaded
   */
  public static Device cpu(int threads) {
    Optional<Throwable> cause = cpuUnavailabilityCause();
    if (cause.isPresent()) {
      throw new DeviceUnavailableException("cpu", cause.get());
    }
    Optional<String> isa = Optional.ofNullable(System.getProperty(CpuBackend.ISA_PROPERTY));
    return new Device("cpu", new CpuBackend(threads, isa));
  }

  /**
   * The CUDA device with ordinal 0.
   *
   * @throws DeviceUnavailableException if CUDA is not available, with {@link
   *     #cudaUnavailabilityCause()}
   */
  @SuppressWarnings("DoNotCallSuggester") // callers choose devices, whichever this build can offer
  public static Device cuda() {
    throw new DeviceUnavailableException("cuda", CudaKernels.unavailabilityCause());
  }

  /**
   * A device by name.
   *
   * @param name {@code best}, {@code cpu}, {@code cpu:<threads>} or {@code cuda}
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
        throw new IllegalArgumentException(
            "device must be best, cpu, cpu:<threads> or cuda, was " + name);
      }
    };
  }

  /** Why there is no CUDA device, or empty if there is one. */
  public static Optional<Throwable> cudaUnavailabilityCause() {
    return Optional.of(CudaKernels.unavailabilityCause());
  }

  /** Why there is no CPU device, or empty if there is one. */
  public static Optional<Throwable> cpuUnavailabilityCause() {
    return CpuBackend.unavailabilityCause();
  }

  /** {@code cpu} or {@code cuda}. */
  public String name() {
    return name;
  }

  /** For people: what the device is, and how it is used. */
  public String description() {
    return backend.description();
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
