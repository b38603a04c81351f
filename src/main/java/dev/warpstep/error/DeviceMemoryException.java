package dev.warpstep.error;

/** The device has not enough memory. Nothing was allocated; the device stays usable. */
public final class DeviceMemoryException extends DeviceException {
  private static final long serialVersionUID = 1;

  private final long bytesRequested;
  private final long bytesFree;
  private final long bytesHeld;

  /**
   * @param call name of the driver's function
   * @param code what it returned
   * @param bytesRequested what was asked for
   * @param bytesFree what the device had left, or -1 if it did not say
   * @param bytesHeld what this device object had allocated already
   */
  public DeviceMemoryException(
      String call, int code, long bytesRequested, long bytesFree, long bytesHeld) {
    super(
        call,
        code,
        "%s: out of device memory: %d bytes asked for, %d free, %d held by Warpstep"
            .formatted(call, bytesRequested, bytesFree, bytesHeld));
    this.bytesRequested = bytesRequested;
    this.bytesFree = bytesFree;
    this.bytesHeld = bytesHeld;
  }

  public long bytesRequested() {
    return bytesRequested;
  }

  /** What the device had left, or -1 if it did not say. */
  public long bytesFree() {
    return bytesFree;
  }

  /** What Warpstep had allocated on the device already. */
  public long bytesHeld() {
    return bytesHeld;
  }
}
