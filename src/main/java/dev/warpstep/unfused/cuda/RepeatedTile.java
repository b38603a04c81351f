package dev.warpstep.unfused.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jcuda.driver.CUdeviceptr;

/** A tile on a CUDA device, repeated to the length of the largest tensor, to fill others with. */
public final class RepeatedTile implements AutoCloseable {
  private final CudaWorkplace workplace;
  private final CUdeviceptr memory;

  /**
   * Uploads a tile and repeats it.
   *
   * @param counts elements of each tensor that is to be filled
   */
  public RepeatedTile(CudaWorkplace workplace, float[] tile, long[] counts) {
    this.workplace = workplace;
    long count = Math.max(1, Arrays.stream(counts).max().orElse(1));
    this.memory = workplace.allocate(Float.BYTES * count);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(Float.BYTES * Math.min(count, tile.length), 64);
      MemorySegment.copy(
          tile, 0, host, ValueLayout.JAVA_FLOAT, 0, (int) Math.min(count, tile.length));
      workplace.upload(memory, host);
    }
    for (long done = tile.length; done < count; done += tile.length) {
      workplace.copy(
          memory.withByteOffset(Float.BYTES * done),
          memory,
          Float.BYTES * Math.min(tile.length, count - done));
    }
  }

  /** Queues that every tensor of a list is filled, each from the beginning of the tile. */
  public void fill(TensorList list) {
    for (int i = 0; i < list.size(); i++) {
      if (list.count(i) > 0) {
        workplace.copy(list.array(i), memory, Float.BYTES * list.count(i));
      }
    }
  }

  /** Waits for what is queued. */
  @Override
  public void close() {
    workplace.free(memory);
  }
}
