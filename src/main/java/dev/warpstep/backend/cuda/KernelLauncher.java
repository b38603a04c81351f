package dev.warpstep.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One way to launch a kernel that takes one {@code WsLaunch}. Both ways call {@code
 * cuLaunchKernel}; they differ in what crossing from Java to it costs.
 */
interface KernelLauncher {
  /** A kernel with its launch prepared: nothing is allocated by {@link #launch}. */
  interface Launch {
    /**
     * Queues the kernel on the context's stream, with the context current.
     *
     * @return what the driver returned
     */
    int launch();
  }

  /**
   * Prepares a launch.
   *
   * @param sharedBytes of shared memory for each block, beyond the kernel's own
   * @param arguments a {@code WsLaunch}, which is copied
   */
  Launch prepare(
      CudaContext context,
      CudaModule.Kernel kernel,
      int blocks,
      int sharedBytes,
      MemorySegment arguments);

  /**
   * What {@code cuLaunchKernel} takes as {@code kernelParams}: a pointer to the arguments. Both are
   * in one arena, since an address in memory keeps nothing from being collected, but a segment
   * keeps all of its arena.
   */
  static MemorySegment parameters(Arena arena, MemorySegment arguments) {
    MemorySegment copy = arena.allocate(arguments.byteSize(), Long.BYTES).copyFrom(arguments);
    return arena.allocateFrom(ValueLayout.ADDRESS, copy);
  }
}
