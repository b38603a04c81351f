package dev.warpstep.unfused.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import jcuda.driver.CUdeviceptr;

/** A tile on a CUDA device, repeated to the length of the largest tensor, to fill others with. */
public final class RepeatedTile implements AutoCloseable {
  private final CudaWorkplace workplace;
  private final long[] bytes;
  private final CUdeviceptr memory;

  /**
   * Uploads a tile and repeats it.
   *
   * @param tile elements, in host memory
   * @param elementBytes of an element
   * @param counts elements of each tensor that is to be filled
   */
  public RepeatedTile(
      CudaWorkplace workplace, MemorySegment tile, int elementBytes, long[] counts) {
    this.workplace = workplace;
    this.bytes = Arrays.stream(counts).map(count -> elementBytes * count).toArray();
    long most = Math.max(elementBytes, Arrays.stream(bytes).max().orElse(0));
    this.memory = workplace.allocate(most);
    workplace.upload(memory, tile.asSlice(0, Math.min(most, tile.byteSize())));
    for (long done = tile.byteSize(); done < most; done += tile.byteSize()) {
      workplace.copy(memory.withByteOffset(done), memory, Math.min(tile.byteSize(), most - done));
    }
  }

  /** Queues that an array of every tensor is filled, each from the beginning of the tile. */
  public void fill(List<CUdeviceptr> arrays) {
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] > 0) {
        workplace.copy(arrays.get(i), memory, bytes[i]);
      }
    }
  }

  /** Waits for what is queued. */
  @Override
  public void close() {
    workplace.free(memory);
  }
}
