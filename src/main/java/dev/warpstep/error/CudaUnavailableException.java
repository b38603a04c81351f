package dev.warpstep.error;

/** Why updates cannot run on a CUDA device of this machine. */
public final class CudaUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The kinds of reasons. */
  public enum Reason {
    /** The jar was built without kernels. */
    KERNELS_NOT_BUILT,
    /** JCuda's native code is not on the class path or module path, or cannot be loaded. */
    JCUDA_MISSING,
    /** The driver's library libcuda.so.1 is not installed. */
    DRIVER_MISSING,
    /** The driver is older than CUDA 12. */
    DRIVER_TOO_OLD,
    /** There is a driver, but no device that it can use. */
    NO_DEVICE,
    /** There are devices, but none of the ordinal asked for. */
    NO_SUCH_DEVICE,
    /** The jar has no kernel that runs on the device's architecture. */
    NO_KERNEL_FOR_ARCHITECTURE,
    /** A call of the driver failed in another way. */
    DRIVER_FAILED
  }

  private final Reason reason;

  /**
   * @param reason what kind of reason it is
   * @param message what exactly
   */
  public CudaUnavailableException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  /**
   * @param reason what kind of reason it is
   * @param message what exactly
   * @param cause what failed
   */
  public CudaUnavailableException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
