package dev.warpstep.benchmarks;

import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedOptimizer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The same rule with one pass per operation, on the gradients of the contender it is paired with.
 */
final class Unfused implements Contender {
  private final Rule rule;
  private final UnfusedOptimizer optimizer;

  Unfused(Rule rule, Gradients gradients, int threads) {
    this.rule = rule;
    List<Tensor> tensors = new ArrayList<>();
    for (MemorySegment gradient : gradients.tensors()) {
      float[] array = (float[]) gradient.heapBase().orElseThrow();
      float[] values = new float[array.length];
      Gradients.fill(List.of(MemorySegment.ofArray(values)), Rows.NORMAL.tile());
      tensors.add(new Tensor("unfused" + tensors.size(), values, array));
    }
    this.optimizer = rule.unfused(tensors, threads);
  }

  @Override
  public void step() {
    optimizer.step();
  }

  @Override
  public int bytesPerParameter() {
    return rule.bytesPerParameter();
  }

  @Override
  public void close() {
    // All of it is on the heap.
  }
}
