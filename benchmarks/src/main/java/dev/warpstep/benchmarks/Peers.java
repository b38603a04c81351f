package dev.warpstep.benchmarks;

/** What peers have in common. */
public final class Peers {
  private static final String THREADS = "OMP_NUM_THREADS";

  private Peers() {}

  /**
   * How many threads OpenMP was told to use.
   *
   * @throws IllegalStateException if it was not told
   */
  public static int threads() {
    String threads = System.getenv(THREADS);
    if (threads == null) {
      throw new IllegalStateException(THREADS + " must say how many threads to use, was not set");
    }
    return Integer.parseInt(threads);
  }
}
