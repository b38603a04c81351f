package dev.warpstep;

/** A device was asked for by name and is not there; the cause says why. */
public final class DeviceUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1;

  DeviceUnavailableException(String device, Throwable cause) {
    super("device %s is not available: %s".formatted(device, cause.getMessage()), cause);
  }
}
