package dev.warpstep.backend.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The compiled kernels inside the jar: a fat binary with machine code for each architecture, or a
 * note that says why the build made none.
 */
public final class CudaKernels {
  private static final String FAT_BINARY = "/dev/warpstep/cuda/warpstep.fatbin";
  private static final String ABSENT = "/dev/warpstep/cuda/absent.txt";

  private CudaKernels() {}

  /**
   * Why no kernel can be launched.
   *
   * @throws IllegalStateException if the jar holds neither kernels nor the reason for their
   *     absence: a broken jar must not look like a machine without a GPU
   */
  public static Throwable unavailabilityCause() {
    return absence()
        .map(UnsupportedOperationException::new)
        .orElseGet(
            () ->
                new UnsupportedOperationException(
                    "this version compiles and embeds CUDA kernels, but has no launcher for them"));
  }

  /** Why the build embedded no kernels, or empty if it did. */
  private static Optional<String> absence() {
    try (InputStream kernels = CudaKernels.class.getResourceAsStream(FAT_BINARY);
        InputStream absent = CudaKernels.class.getResourceAsStream(ABSENT)) {
      if (kernels != null) {
        return Optional.empty();
      }
      if (absent == null) {
        throw new IllegalStateException("the jar is broken: it has no " + FAT_BINARY);
      }
      return Optional.of(new String(absent.readAllBytes(), StandardCharsets.UTF_8).strip());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + FAT_BINARY, e);
    }
  }
}
