package dev.warpstep.cli.selfcheck;

/**
 * What keeps a device from being the same as the reference.
 *
 * @param kind for people: whether something differs, or the device failed
 * @param text where and how
 */
public record Finding(String kind, String text) {
  static Finding difference(String text) {
    return new Finding("DIFFERENT", text);
  }

  static Finding failure(String text) {
    return new Finding("FAILED", text);
  }
}
