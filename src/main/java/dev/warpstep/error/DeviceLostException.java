package dev.warpstep.error;

/**
 * The device's context is broken: a kernel of this process wrote where it must not, or the hardware
 * failed. The driver refuses every call from now on, and so does Warpstep, at once. Memory on the
 * device cannot be read any more; the process must be restarted.
 */
public final class DeviceLostException extends DeviceException {
  private static final long serialVersionUID = 1;

  /**
   * @param call name of the driver's function
   * @param code what it returned
   * @param name the driver's name for the code
   */
  public DeviceLostException(String call, int code, String name) {
    super(
        call,
        code,
        "%s: %s (%d): the device's context is lost, and with it all memory on the device"
            .formatted(call, name, code));
  }
}
