package dev.warpstep.error;

/** A call of the device's driver failed. */
public class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String call;
  private final int code;

  /**
   * @param call name of the driver's function
   * @param code what it returned
   * @param message what that means
   */
  public DeviceException(String call, int code, String message) {
    super(message);
    this.call = call;
    this.code = code;
  }

  /**
   * @param cause what failed
   * @param consequence what was done before, and what was not
   */
  public DeviceException(DeviceException cause, String consequence) {
    super(cause.getMessage() + "; " + consequence, cause);
    this.call = cause.call;
    this.code = cause.code;
  }

  /** Name of the driver's function that failed, for example {@code cuLaunchKernel}. */
  public String call() {
    return call;
  }

  /** What the driver's function returned, for example 700. */
  public int code() {
    return code;
  }
}
