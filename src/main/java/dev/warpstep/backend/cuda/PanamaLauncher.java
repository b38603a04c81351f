package dev.warpstep.backend.cuda;

import dev.warpstep.backend.cuda.bindings.CudaDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.CUresult;

/** Calls the driver directly, with a parameter array made beforehand. */
final class PanamaLauncher implements KernelLauncher {
  @Override
  public Launch prepare(
      CudaContext context,
      CudaModule.Kernel kernel,
      int blocks,
      int sharedBytes,
      MemorySegment arguments) {
    Arena arena = Arena.ofAuto();
    MemorySegment parameters = KernelLauncher.parameters(arena, arguments);
    MemorySegment current = arena.allocate(ValueLayout.ADDRESS);
    MemorySegment function = MemorySegment.ofAddress(kernel.handle());
    MemorySegment stream = MemorySegment.ofAddress(context.stream().handle());
    MemorySegment own = MemorySegment.ofAddress(context.handle());
    return () -> {
      int code = CudaDriver.cuCtxGetCurrent(current);
      boolean foreign =
          code == CUresult.CUDA_SUCCESS && current.get(ValueLayout.JAVA_LONG, 0) != own.address();
      if (foreign) {
        code = CudaDriver.cuCtxPushCurrent_v2(own);
      }
      if (code != CUresult.CUDA_SUCCESS) {
        return code;
      }
      code =
          CudaDriver.cuLaunchKernel(
              function,
              blocks,
              1,
              1,
              CudaModule.THREADS,
              1,
              1,
              sharedBytes,
              stream,
              parameters,
              MemorySegment.NULL);
      if (foreign) {
        CudaDriver.cuCtxPopCurrent_v2(current);
      }
      return code;
    };
  }
}
