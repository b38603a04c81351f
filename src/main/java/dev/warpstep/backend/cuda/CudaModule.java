package dev.warpstep.backend.cuda;

import dev.warpstep.error.DeviceException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** The embedded kernels, loaded into one context. */
final class CudaModule implements CudaContext.Held {
  /**
   * Threads of a block, and elements of a chunk: kThreads and kChunkElements of
   * kernels/cuda/tuning.h.
   */
  static final int THREADS = 256;

  /** The most elements of a chunk. */
  static final int LARGEST_CHUNK = 8_192;

  /** A tile of vectors, the unit in which a smaller chunk is cut: kTileElements of tuning.h. */
  static final int TILE = 2_048;

  /** Blocks that a multiprocessor holds at a time: kBlocksPerMultiprocessor of tuning.h. */
  static final int BLOCKS_PER_MULTIPROCESSOR = 4;

  private final CudaContext context;
  private final CUmodule module = new CUmodule();
  private final Map<String, Kernel> kernels = new ConcurrentHashMap<>();

  /** A kernel whose handle can be read. */
  static final class Kernel extends CUfunction {
    long handle() {
      return getNativePointer();
    }
  }

  /**
   * @throws DeviceException if the driver refuses the image, for example for lack of code for its
   *     architecture
   */
  CudaModule(CudaContext context, byte[] image) {
    this.context = context;
    context.call("cuModuleLoadData", () -> JCudaDriver.cuModuleLoadData(module, image));
    context.hold(this);
  }

  /** A kernel of kernels/cuda/entries.cu. */
  Kernel kernel(String wholeName) {
    return kernels.computeIfAbsent(
        wholeName,
        name -> {
          Kernel kernel = new Kernel();
          context.call(
              "cuModuleGetFunction", () -> JCudaDriver.cuModuleGetFunction(kernel, module, name));
          return kernel;
        });
  }

  /** For people: the architecture of the machine code that the driver chose, or made of PTX. */
  String architecture(Kernel kernel) {
    int[] version = new int[1];
    context.call(
        "cuFuncGetAttribute",
        () ->
            JCudaDriver.cuFuncGetAttribute(
                version, CUfunction_attribute.CU_FUNC_ATTRIBUTE_BINARY_VERSION, kernel));
    return "sm_" + version[0];
  }

  @Override
  public void close() {
    context.letGo(this);
    context.tidy(() -> JCudaDriver.cuModuleUnload(module));
  }
}
