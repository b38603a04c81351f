package dev.warpstep.unfused.cuda;

import dev.warpstep.error.CudaUnavailableException;
import dev.warpstep.error.CudaUnavailableException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import jcuda.Pointer;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** The kernels of one form, loaded: {@code kernels/unfused/primitives.cu}. */
public final class Kernels {
  /** {@code kThreads} of primitives.cu. */
  static final int THREADS = 256;

  /** Whole blocks that a multiprocessor can hold, on every architecture but Turing. */
  private static final int BLOCKS_PER_MULTIPROCESSOR = 8;

  private static volatile Optional<byte[]> standIn = Optional.empty();

  private final CudaWorkplace workplace;
  private final Map<Operation, CUfunction> functions = new EnumMap<>(Operation.class);
  private final int residentBlocks;

  /** How often a kernel is launched for one operation. */
  enum Form {
    /** Once for each tensor. */
    TENSOR,
    /** Once for all tensors. */
    FOREACH
  }

  /** {@code UNFUSED_OPERATIONS} of primitives.cu. */
  enum Operation {
    ADD_SCALED,
    DECAY_AND_ADD,
    AVERAGE,
    SQUARE,
    SQUARE_ROOT,
    ADD,
    DIVIDE_INTO,
    SCALE;

    String kernel(Form form) {
      return (form + "_" + this).toLowerCase(Locale.ROOT);
    }
  }

  /**
   * @throws CudaUnavailableException if the build made no kernels, with its reason
   */
  Kernels(CudaWorkplace workplace, Form form) {
    this.workplace = workplace;
    CUmodule module = load(workplace);
    for (Operation operation : Operation.values()) {
      functions.put(operation, function(module, operation.kernel(form)));
    }
    this.residentBlocks =
        BLOCKS_PER_MULTIPROCESSOR
            * workplace.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  }

  private static CUmodule load(CudaWorkplace workplace) {
    CUmodule module = new CUmodule();
    byte[] image = image();
    workplace.make(
        "cuModuleLoadData",
        () -> JCudaDriver.cuModuleLoadData(module, image),
        () -> JCudaDriver.cuModuleUnload(module));
    return module;
  }

  private static CUfunction function(CUmodule module, String name) {
    CUfunction function = new CUfunction();
    CudaWorkplace.check(
        "cuModuleGetFunction", JCudaDriver.cuModuleGetFunction(function, module, name));
    return function;
  }

  /** A kernel that is no operation. */
  static CUfunction function(CudaWorkplace workplace, String name) {
    return function(load(workplace), name);
  }

  /** Makes a build without kernels use another image. Only tests do. */
  public static void standIn(byte[] image) {
    standIn = Optional.of(image.clone());
  }

  private static byte[] image() {
    try (InputStream kernels = Kernels.class.getResourceAsStream("unfused.fatbin");
        InputStream absent = Kernels.class.getResourceAsStream("absent.txt")) {
      if (kernels != null) {
        return kernels.readAllBytes();
      }
      if (absent == null) {
        throw new IllegalStateException("the jar is broken: it has no unfused.fatbin");
      }
      if (standIn.isPresent()) {
        return standIn.get();
      }
      throw new CudaUnavailableException(
          Reason.KERNELS_NOT_BUILT,
          new String(absent.readAllBytes(), StandardCharsets.UTF_8).strip());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read unfused.fatbin", e);
    }
  }

  /**
   * The smallest grid that has a thread for every four elements, or the largest that is resident.
   */
  int blocksFor(long elements) {
    return Math.clamp(Math.ceilDiv(elements, 4L * THREADS), 1, residentBlocks);
  }

  /** Queues a kernel with its arguments. */
  void launch(Operation operation, int blocks, Pointer... arguments) {
    CudaWorkplace.check(
        "cuLaunchKernel",
        JCudaDriver.cuLaunchKernel(
            functions.get(operation),
            blocks,
            1,
            1,
            THREADS,
            1,
            1,
            0,
            workplace.stream(),
            Pointer.to(arguments),
            null));
  }
}
