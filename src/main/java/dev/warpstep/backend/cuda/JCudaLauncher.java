package dev.warpstep.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.function.IntSupplier;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * Launches through JCuda. The parameter array is a direct buffer that holds the argument's address:
 * JCuda passes it on as it is, where an array of its own pointers would be converted at each
 * launch.
 */
final class JCudaLauncher implements KernelLauncher {
  @Override
  public Launch prepare(
      CudaContext context,
      CudaModule.Kernel kernel,
      int blocks,
      int sharedBytes,
      MemorySegment arguments) {
    ByteBuffer parameters = KernelLauncher.parameters(Arena.ofAuto(), arguments).asByteBuffer();
    Pointer kernelParameters = Pointer.toBuffer(parameters);
    CUcontext popped = new CUcontext();
    IntSupplier launch =
        () -> {
          int code = JCudaDriver.cuCtxPushCurrent(context.jcudaContext());
          if (code != CUresult.CUDA_SUCCESS) {
            return code;
          }
          code =
              JCudaDriver.cuLaunchKernel(
                  kernel,
                  blocks,
                  1,
                  1,
                  CudaModule.THREADS,
                  1,
                  1,
                  sharedBytes,
                  context.stream(),
                  kernelParameters,
                  null);
          JCudaDriver.cuCtxPopCurrent(popped);
          return code;
        };
    return () -> context.driver().attempt(launch);
  }
}
