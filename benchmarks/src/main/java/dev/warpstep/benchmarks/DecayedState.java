package dev.warpstep.benchmarks;

import dev.warpstep.DType;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.cli.bench.CpuPlace;
import dev.warpstep.cli.bench.Fused;
import dev.warpstep.cli.bench.HostGradients;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Rule;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A fused step and its gradients, in one kind of memory of the CPU, with rows of one kind. With
 * others than normal ones the state is as after 80,000 steps with a zero gradient, which the second
 * moment takes to vanish.
 *
 * @param fused has done a step
 */
record DecayedState(Fused fused, HostGradients gradients) implements AutoCloseable {
  /** Just above the smallest normal number: four steps later it would be denormal. */
  private static final float ALMOST_DENORMAL = 1.18e-38f;

  static DecayedState of(CpuPlace place, Rule rule, ModelShape model, Memory memory, Rows rows) {
    List<Parameter> parameters =
        switch (memory) {
          case NATIVE -> place.parameters(Precision.FP32, model);
          case HEAP -> CpuPlace.onHeap(model);
        };
    HostGradients gradients =
        new HostGradients(
            parameters.stream().map(p -> p.gradient().orElseThrow()).toList(),
            DType.FLOAT32,
            rows.tile());
    Fused fused = new Fused(rule, Precision.FP32, place.device(), parameters);
    fused.step();
    if (rows != Rows.NORMAL) {
      decay(fused.optimizer());
    }
    return new DecayedState(fused, gradients);
  }

  private static void decay(Optimizer optimizer) {
    StateDict dict = optimizer.stateDict();
    Map<String, ParameterState> decayed = new HashMap<>();
    dict.state()
        .forEach(
            (name, state) -> {
              Map<String, StateTensor> tensors = new HashMap<>();
              state.tensors().forEach((key, tensor) -> tensors.put(key, decayed(tensor)));
              decayed.put(name, new ParameterState(state.step(), tensors));
            });
    optimizer.loadStateDict(new StateDict(dict.paramGroups(), decayed));
  }

  private static StateTensor decayed(StateTensor tensor) {
    float[] values = new float[(int) (tensor.values().byteSize() / Float.BYTES)];
    Arrays.fill(values, ALMOST_DENORMAL);
    return new StateTensor(DType.FLOAT32, tensor.shape(), MemorySegment.ofArray(values));
  }

  @Override
  public void close() {
    fused.close();
  }
}
