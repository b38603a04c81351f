package dev.warpstep.cli.bench;

import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedOptimizer;
import dev.warpstep.unfused.UnfusedOptimizer.Passes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One pass per operation on the CPU, from the gradients of a contender that is on the heap. */
public final class CpuUnfused {
  /** Bytes of values, two states and two temporaries. */
  static final int BYTES_PER_PARAMETER = 20;

  private final UnfusedOptimizer optimizer;
  private final List<Tensor> tensors = new ArrayList<>();
  private final long bytes;

  /** Allocates values, states and temporaries. */
  public CpuUnfused(Rule rule, HostGradients gradients, int threads) {
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

  /**
   * Both ways by name, of one optimizer: {@code elementary}, and {@code unfused} with what a
   * function can multiply and add at once.
   */
  public Map<String, Trainee> ways() {
    Map<String, Trainee> ways = new LinkedHashMap<>();
    ways.put("elementary", new Way(Passes.ELEMENTARY));
    ways.put("unfused", new Way(Passes.COMPOUND));
    return ways;
  }

  private final class Way implements Trainee {
    private final Passes passes;

    Way(Passes passes) {
      this.passes = passes;
    }

    @Override
    public void step() {
      optimizer.step(passes);
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
    public boolean isExact() {
      return passes == Passes.COMPOUND;
    }

    @Override
    public void close() {
      // All of it is on the heap.
    }
  }
}
