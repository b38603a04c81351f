package dev.warpstep.benchmarks;

import java.util.Locale;

/** Where parameters and gradients are; the state is always in memory of the library. */
public enum Memory {
  /** Allocated by the library, outside the Java heap. */
  NATIVE,
  /** {@code float[]} of the caller. */
  HEAP;

  /** For example {@code native}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }
}
