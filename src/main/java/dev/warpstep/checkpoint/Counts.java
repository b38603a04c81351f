package dev.warpstep.checkpoint;

/** Numbers of steps, which readers of JSON may hold as doubles. */
final class Counts {
  /** Up to here a double holds every count. */
  static final long MOST = 1L << 53;

  private Counts() {}

  /**
   * @throws IllegalArgumentException if it is negative or above 2^53
   */
  static long check(String name, long count) {
    if (count < 0 || count > MOST) {
      throw new IllegalArgumentException("%s must be in [0, 2^53], was %d".formatted(name, count));
    }
    return count;
  }
}
