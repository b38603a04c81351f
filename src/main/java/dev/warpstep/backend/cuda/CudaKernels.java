package dev.warpstep.backend.cuda;

import dev.warpstep.error.CudaUnavailableException;
import dev.warpstep.error.CudaUnavailableException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.ref.SoftReference;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The compiled kernels inside the jar: a fat binary with machine code for each architecture, or a
 * note that says why the build made none.
 */
final class CudaKernels {
  private static final String FAT_BINARY = "/dev/warpstep/cuda/warpstep.fatbin";
  private static final String ABSENT = "/dev/warpstep/cuda/absent.txt";

  /**
   * What a build without kernels uses instead. Only tests set it, to the software driver's image;
   * kernels in the jar always go first.
   */
  private static volatile Optional<byte[]> standIn = Optional.empty();

  /** 8 MB, unpacked once for a program that opens one device after the other. */
  private static volatile SoftReference<byte[]> kept = new SoftReference<>(null);

  private CudaKernels() {}

  /** Makes a build without kernels use an image that was not built. */
  static void standIn(byte[] image) {
    standIn = Optional.of(image.clone());
  }

  /**
   * The fat binary.
   *
   * @throws CudaUnavailableException if the build made none, with its reason
   * @throws IllegalStateException if the jar holds neither kernels nor the reason for their
   *     absence: a broken jar must not look like a machine without a GPU
   */
  static byte[] image() {
    byte[] unpacked = kept.get();
    if (unpacked != null) {
      return unpacked;
    }
    try (InputStream kernels = CudaKernels.class.getResourceAsStream(FAT_BINARY);
        InputStream absent = CudaKernels.class.getResourceAsStream(ABSENT)) {
      if (kernels != null) {
        byte[] image = kernels.readAllBytes();
        kept = new SoftReference<>(image);
        return image;
      }
      if (absent == null) {
        throw new IllegalStateException("the jar is broken: it has no " + FAT_BINARY);
      }
      if (standIn.isPresent()) {
        return standIn.get();
      }
      throw new CudaUnavailableException(
          Reason.KERNELS_NOT_BUILT,
          new String(absent.readAllBytes(), StandardCharsets.UTF_8).strip());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + FAT_BINARY, e);
    }
  }
}
