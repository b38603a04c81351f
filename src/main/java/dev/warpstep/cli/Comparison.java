package dev.warpstep.cli;

/** The same training with the library's optimizer and with the unfused one. */
record Comparison(String name, Outcome fused, Outcome unfused) {
  boolean isSame() {
    return fused.isSameAs(unfused);
  }

  /** How many times longer the unfused step takes. */
  double ratio() {
    return (double) unfused.stepNanos() / fused.stepNanos();
  }
}
