package dev.warpstep.cli.bench;

import dev.warpstep.backend.cuda.JCudaNatives;
import java.io.IOException;
import java.util.Optional;

/** cuBLAS, which may be missing. */
final class Cublas {
  private Cublas() {}

  /** Loads it; why it cannot be used, if it cannot: JCublas or libcublas.so.12 is missing. */
  static Optional<String> whyAbsent() {
    try {
      JCudaNatives.loadCublas();
      return Optional.empty();
    } catch (LinkageError | IOException e) {
      return Optional.of("cuBLAS cannot be loaded: " + e.getMessage());
    }
  }
}
