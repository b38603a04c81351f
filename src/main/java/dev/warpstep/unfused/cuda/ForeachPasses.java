package dev.warpstep.unfused.cuda;

import dev.warpstep.unfused.cuda.Kernels.Form;
import dev.warpstep.unfused.cuda.Kernels.Operation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/** A launch per operation for all tensors together, as the foreach functions of PyTorch do. */
public final class ForeachPasses extends KernelPasses {
  /** Elements of a piece: 16 for each thread of a block. */
  private static final int PIECE_ELEMENTS = 4_096;

  /**
   * {@code Piece} of primitives.cu.
   *
   * <pre>
   *   | begin: 8 bytes | element_count: 4 | tensor: 4 |
   * </pre>
   */
  private static final int PIECE_BYTES = 16;

  private final CudaWorkplace workplace;
  private final Kernels kernels;
  private final CUdeviceptr pieces;
  private final long pieceCount;
  private final int blocks;

  /**
   * Loads the kernels and cuts the tensors into pieces.
   *
   * @param counts elements of each tensor
   * @throws dev.warpstep.error.CudaUnavailableException if the build made no kernels
   */
  public ForeachPasses(CudaWorkplace workplace, long[] counts) {
    this.workplace = workplace;
    this.kernels = new Kernels(workplace, Form.FOREACH);
    long total = 0;
    for (long count : counts) {
      total += Math.ceilDiv(count, (long) PIECE_ELEMENTS);
    }
    this.pieceCount = total;
    this.blocks = kernels.blocksFor(4L * 256 * total);
    this.pieces = workplace.allocate(PIECE_BYTES * total);
    if (total > 0) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment table = arena.allocate(PIECE_BYTES * total, PIECE_BYTES);
        write(table, counts);
        workplace.upload(pieces, table);
      }
    }
  }

  private static void write(MemorySegment table, long[] counts) {
    long at = 0;
    for (int tensor = 0; tensor < counts.length; tensor++) {
      for (long begin = 0; begin < counts[tensor]; begin += PIECE_ELEMENTS) {
        table.set(ValueLayout.JAVA_LONG, at, begin);
        int elements = (int) Math.min(PIECE_ELEMENTS, counts[tensor] - begin);
        table.set(ValueLayout.JAVA_INT, at + Long.BYTES, elements);
        table.set(ValueLayout.JAVA_INT, at + Long.BYTES + Integer.BYTES, tensor);
        at += PIECE_BYTES;
      }
    }
  }

  @Override
  public void step(Runnable sequence) {
    sequence.run();
  }

  @Override
  void launch(Operation operation, TensorList y, TensorList x, float factor, boolean fromOld) {
    if (pieceCount > 0) {
      kernels.launch(
          operation,
          blocks,
          Pointer.to(y.table()),
          Pointer.to(x.table()),
          Pointer.to(pieces),
          Pointer.to(new long[] {pieceCount}),
          Pointer.to(new float[] {factor}),
          Pointer.to(new int[] {fromOld ? 1 : 0}));
    }
  }

  @Override
  public void close() {
    workplace.free(pieces);
  }
}
