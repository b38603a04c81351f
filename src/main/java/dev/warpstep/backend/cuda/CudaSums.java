package dev.warpstep.backend.cuda;

import dev.warpstep.backend.TensorSums;
import dev.warpstep.backend.bindings.WsSums;
import dev.warpstep.backend.cuda.bindings.WsChunk;
import dev.warpstep.backend.cuda.bindings.WsLaunch;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The launch of a step that sums up what it does, over the tiles of a reduction. Tiles and what was
 * summed up over each lie in one table on the device:
 *
 * <pre>
 *   | WsChunk[tiles] | WsSums[tiles] |
 * </pre>
 */
final class CudaSums implements AutoCloseable {
  /** Four lanes of doubles: NOTE [sums] in kernels/cuda/traversal.cuh. */
  private static final int SHARED_BYTES = 4 * 1024 * Double.BYTES;

  private final List<StepPlan.Tensor> tensors;
  private final Upload table;
  private final long sumsAt;
  private final KernelLauncher.Launch launch;

  /**
   * @param arguments of the step's own launch
   */
  CudaSums(
      CudaContext context,
      KernelLauncher launcher,
      CudaModule.Kernel kernel,
      List<StepPlan.Tensor> tensors,
      MemorySegment arguments,
      int residentBlocks) {
    this.tensors = tensors;
    StepPlan tiles = StepPlan.of(tensors, CudaModule.LARGEST_CHUNK);
    this.sumsAt = WsChunk.sizeof() * tiles.chunkCount();
    this.table = new Upload(context, Math.max(1, sumsAt + WsSums.sizeof() * tiles.chunkCount()));
    CudaStep.writeChunks(table.host().asSlice(0, sumsAt), tiles);
    MemorySegment own = WsLaunch.allocate(Arena.ofAuto()).copyFrom(arguments);
    WsLaunch.chunks(own, table.address());
    WsLaunch.chunk_count(own, tiles.chunkCount());
    WsLaunch.sums(own, table.address() + sumsAt);
    int blocks = Math.clamp(tiles.chunkCount(), 1, residentBlocks);
    try {
      this.launch = launcher.prepare(context, kernel, blocks, SHARED_BYTES, own);
    } catch (RuntimeException e) {
      table.close();
      throw e;
    }
  }

  KernelLauncher.Launch launch() {
    return launch;
  }

  void send() {
    table.send();
  }

  /** Waits for the last launch. */
  List<TensorSums> receive() {
    table.receive();
    MemorySegment sums = table.host().asSlice(sumsAt);
    List<TensorSums> ofTensors = new ArrayList<>();
    long tile = 0;
    for (StepPlan.Tensor tensor : tensors) {
      long tiles = Math.ceilDiv(tensor.elementCount(), CudaModule.LARGEST_CHUNK);
      ofTensors.add(TensorSums.ofTiles(sums, tile, tiles));
      tile += tiles;
    }
    return ofTensors;
  }

  @Override
  public void close() {
    table.close();
  }
}
