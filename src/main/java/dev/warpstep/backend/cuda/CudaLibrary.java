package dev.warpstep.backend.cuda;

import dev.warpstep.error.CudaUnavailableException;
import dev.warpstep.error.CudaUnavailableException.Reason;
import dev.warpstep.error.DeviceException;
import java.io.IOException;
import java.util.Optional;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** The driver of this machine, loaded and initialised at most once. */
final class CudaLibrary {
  /** CUDA 12.0: machine code of one major version runs on every driver of it. */
  private static final int OLDEST_DRIVER = 12_000;

  private static final class Holder {
    static final Optional<CudaUnavailableException> CAUSE = load();
  }

  private CudaLibrary() {}

  /**
   * Loads JCuda and initialises the driver.
   *
   * @throws CudaUnavailableException if that failed, now or at the first call
   */
  static void ensureLoaded() {
    Holder.CAUSE.ifPresent(
        cause -> {
          throw cause;
        });
  }

  private static Optional<CudaUnavailableException> load() {
    try {
      JCudaNatives.load();
      initialise();
      return Optional.empty();
    } catch (CudaUnavailableException e) {
      return Optional.of(e);
    } catch (DeviceException e) {
      return Optional.of(new CudaUnavailableException(Reason.DRIVER_FAILED, e.getMessage(), e));
    } catch (LinkageError | IOException e) {
      boolean driver = e.toString().contains("libcuda.so.1");
      return Optional.of(
          new CudaUnavailableException(
              driver ? Reason.DRIVER_MISSING : Reason.JCUDA_MISSING,
              driver
                  ? "there is no NVIDIA driver here: libcuda.so.1 cannot be loaded"
                  : "JCuda's native code cannot be loaded: " + e.getMessage(),
              e));
    }
  }

  private static void initialise() {
    Driver driver = new Driver();
    int code = driver.attempt(() -> JCudaDriver.cuInit(0));
    if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
      throw new CudaUnavailableException(Reason.NO_DEVICE, "the driver finds no CUDA device");
    }
    if (code != CUresult.CUDA_SUCCESS) {
      throw new CudaUnavailableException(
          Reason.DRIVER_FAILED, "cuInit: %s (%d)".formatted(CUresult.stringFor(code), code));
    }
    int[] version = new int[1];
    driver.call("cuDriverGetVersion", () -> JCudaDriver.cuDriverGetVersion(version));
    if (version[0] < OLDEST_DRIVER) {
      throw new CudaUnavailableException(
          Reason.DRIVER_TOO_OLD,
          "the driver supports CUDA %d.%d, 12.0 is needed"
              .formatted(version[0] / 1000, version[0] % 1000 / 10));
    }
  }

  /** Devices that the driver finds. */
  static int deviceCount() {
    int[] count = new int[1];
    new Driver().call("cuDeviceGetCount", () -> JCudaDriver.cuDeviceGetCount(count));
    return count[0];
  }

  /** Version of the driver, for example {@code 12.6}. */
  static String driverVersion() {
    int[] version = new int[1];
    new Driver().call("cuDriverGetVersion", () -> JCudaDriver.cuDriverGetVersion(version));
    return "%d.%d".formatted(version[0] / 1000, version[0] % 1000 / 10);
  }
}
