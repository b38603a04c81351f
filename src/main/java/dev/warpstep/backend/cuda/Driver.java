package dev.warpstep.backend.cuda;

import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceLostException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntSupplier;
import jcuda.CudaException;
import jcuda.driver.CUresult;

/**
 * The one place where return codes of the CUDA driver become exceptions.
 *
 * <p>JCuda can be told to throw on errors, for the whole process and by anybody; then its exception
 * carries only the name of the code, which is turned back.
 */
final class Driver {
  private static final Logger LOG = System.getLogger("dev.warpstep");

  /**
   * After these the context refuses everything: CUDA driver API, section "Data types used by CUDA
   * driver".
   */
  private static final Set<Integer> STICKY =
      Set.of(
          CUresult.CUDA_ERROR_DEINITIALIZED,
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
          CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE,
          CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED);

  private volatile Optional<DeviceLostException> lost = Optional.empty();

  /**
   * Makes a call.
   *
   * @return what the driver returned, {@code CUDA_SUCCESS} or not
   * @throws DeviceLostException if an earlier call lost the device; the driver is not called then
   */
  int attempt(IntSupplier call) {
    lost.ifPresent(
        cause -> {
          throw cause;
        });
    try {
      return call.getAsInt();
    } catch (CudaException e) {
      return codeOf(e.getMessage());
    }
  }

  /** Makes a call that gives something back, whatever has happened before and comes of it. */
  void attemptAnyway(IntSupplier call) {
    try {
      int code = call.getAsInt();
      if (code != CUresult.CUDA_SUCCESS) {
        // Of a lost device, everything says the same.
        Level level = lost.isPresent() || STICKY.contains(code) ? Level.DEBUG : Level.WARNING;
        LOG.log(level, () -> "giving back to the driver failed: " + CUresult.stringFor(code));
      }
    } catch (CudaException e) {
      LOG.log(Level.WARNING, "giving back to the driver failed", e);
    }
  }

  /**
   * Makes a call that must succeed.
   *
   * @param name of the driver's function
   * @throws DeviceLostException if this or an earlier call lost the device
   * @throws DeviceException if it failed otherwise
   */
  void call(String name, IntSupplier call) {
    check(name, attempt(call));
  }

  /** Turns what a call returned into an exception, or nothing. */
  void check(String name, int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw failure(name, code);
    }
  }

  /** Whether a call may still be made. */
  void checkAlive() {
    if (lost.isPresent()) {
      throw lost.get();
    }
  }

  /** What came of a failed call; from a sticky code on, every later call fails the same way. */
  DeviceException failure(String name, int code) {
    if (STICKY.contains(code)) {
      DeviceLostException cause = new DeviceLostException(name, code, CUresult.stringFor(code));
      lost = Optional.of(cause);
      return cause;
    }
    return new DeviceException(
        name, code, "%s: %s (%d)".formatted(name, CUresult.stringFor(code), code));
  }

  private static int codeOf(String name) {
    for (int code = 0; code < 1000; code++) {
      if (CUresult.stringFor(code).equals(name)) {
        return code;
      }
    }
    return CUresult.CUDA_ERROR_UNKNOWN;
  }
}
