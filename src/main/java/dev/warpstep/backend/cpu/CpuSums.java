package dev.warpstep.backend.cpu;

import dev.warpstep.backend.TensorSums;
import dev.warpstep.backend.bindings.WsSums;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** What a step sums up: one place for each tile of a reduction, and a plan of whole tiles. */
final class CpuSums {
  /** kReductionTile of kernels/gradients.h. */
  private static final int TILE = 8_192;

  private final StepPlan plan;
  private final MemorySegment sums;
  private final MemorySegment[] ofTensors;

  CpuSums(List<StepPlan.Tensor> tensors, int threads) {
    this.plan = StepPlan.of(tensors, CpuStep.chunkElements(tensors, threads, TILE));
    this.ofTensors = new MemorySegment[tensors.size()];
    long tiles = tensors.stream().mapToLong(CpuSums::tiles).sum();
    this.sums = Arena.ofAuto().allocate(WsSums.layout(), Math.max(1, tiles));
    long tile = 0;
    for (int i = 0; i < ofTensors.length; i++) {
      ofTensors[i] = sums.asSlice(tile * WsSums.sizeof());
      tile += tiles(tensors.get(i));
    }
  }

  StepPlan plan() {
    return plan;
  }

  /** Where a tensor's tiles begin. */
  MemorySegment of(int tensor) {
    return ofTensors[tensor];
  }

  List<TensorSums> ofTensors() {
    List<TensorSums> result = new ArrayList<>();
    for (int i = 0; i < ofTensors.length; i++) {
      result.add(TensorSums.ofTiles(ofTensors[i], 0, tiles(plan.tensors().get(i))));
    }
    return result;
  }

  private static long tiles(StepPlan.Tensor tensor) {
    return Math.ceilDiv(tensor.elementCount(), TILE);
  }
}
