package dev.warpstep.unfused.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import jcuda.driver.CUdeviceptr;

/**
 * One array per tensor of a model, all of a kind: the values, the gradients, a state. The same
 * addresses are on the device as a table, for kernels that take all tensors at once.
 */
public final class TensorList implements AutoCloseable {
  private final CudaWorkplace workplace;
  private final List<CUdeviceptr> arrays;
  private final long[] counts;
  private final CUdeviceptr table;
  private final Optional<CUdeviceptr> memory;

  private TensorList(
      CudaWorkplace workplace,
      List<CUdeviceptr> arrays,
      long[] counts,
      Optional<CUdeviceptr> memory) {
    this.workplace = workplace;
    this.arrays = List.copyOf(arrays);
    this.counts = counts.clone();
    this.memory = memory;
    this.table = workplace.allocate((long) Long.BYTES * arrays.size());
    if (!arrays.isEmpty()) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment addresses = arena.allocate(ValueLayout.JAVA_LONG, arrays.size());
        for (int i = 0; i < arrays.size(); i++) {
          addresses.setAtIndex(ValueLayout.JAVA_LONG, i, CudaWorkplace.address(this.arrays.get(i)));
        }
        workplace.upload(table, addresses);
      }
    }
  }

  /**
   * Arrays of others.
   *
   * @param counts elements of each
   */
  public static TensorList of(CudaWorkplace workplace, List<CUdeviceptr> arrays, long[] counts) {
    return new TensorList(workplace, arrays, counts, Optional.empty());
  }

  /** New arrays, all zero, each at a multiple of 256 bytes. */
  public static TensorList zeros(CudaWorkplace workplace, long[] counts) {
    long[] offsets = new long[counts.length + 1];
    for (int i = 0; i < counts.length; i++) {
      offsets[i + 1] = offsets[i] + Math.ceilDiv(Float.BYTES * counts[i], 256L) * 256;
    }
    long bytes = Math.max(1, offsets[counts.length]);
    CUdeviceptr memory = workplace.allocate(bytes);
    workplace.clear(memory, bytes);
    List<CUdeviceptr> arrays =
        java.util.stream.IntStream.range(0, counts.length)
            .mapToObj(i -> memory.withByteOffset(offsets[i]))
            .toList();
    return new TensorList(workplace, arrays, counts, Optional.of(memory));
  }

  /** How many tensors there are. */
  public int size() {
    return counts.length;
  }

  /** The first element of a tensor's array. */
  public CUdeviceptr array(int tensor) {
    return arrays.get(tensor);
  }

  /** How many elements a tensor has. */
  public long count(int tensor) {
    return counts[tensor];
  }

  /** The addresses of all arrays, on the device. */
  CUdeviceptr table() {
    return table;
  }

  /** Elements of each tensor. */
  long[] counts() {
    return counts.clone();
  }

  /** Makes all values those of another list. */
  public void copyFrom(TensorList other) {
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        workplace.copy(array(i), other.array(i), Float.BYTES * counts[i]);
      }
    }
  }

  /** The values of a tensor, when everything queued before is done. */
  public float[] download(int tensor) {
    return workplace.download(array(tensor), Math.toIntExact(counts[tensor]));
  }

  /** Frees what was allocated here. */
  @Override
  public void close() {
    workplace.free(table);
    memory.ifPresent(workplace::free);
  }
}
