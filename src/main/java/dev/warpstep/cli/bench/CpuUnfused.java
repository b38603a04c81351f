package dev.warpstep.cli.bench;

import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedOptimizer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** One pass per operation on the CPU, from the gradients of a contender that is on the heap. */
public final class CpuUnfused implements Trainee {
  private final UnfusedOptimizer optimizer;
  private final List<Tensor> tensors = new ArrayList<>();
  private final long bytes;

  /** Allocates values, states and temporaries. */
  public CpuUnfused(Rule rule, Gradients gradients, int threads) {
    long elements = 0;
    for (MemorySegment gradient : gradients.tensors()) {
      float[] array = (float[]) gradient.heapBase().orElseThrow();
      float[] values = Values.repeated(Values.tile(), array.length);
      tensors.add(new Tensor("unfused" + tensors.size(), values, array));
      elements += array.length;
    }
    this.optimizer = rule.unfused(tensors, threads);
    this.bytes = elements * Precision.FP32.bytesPerParameter(rule);
  }

  @Override
  public void step() {
    optimizer.step();
  }

  @Override
  public long bytesPerStep() {
    return bytes;
  }

  @Override
  public float[] values(int tensor) {
    return tensors.get(tensor).values().clone();
  }

  @Override
  public void close() {
    // All of it is on the heap.
  }
}
