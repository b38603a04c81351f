package dev.warpstep.benchmarks;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** An optimizer of the library, used as everybody uses it. */
final class Fused implements Contender {
  /** Just above the smallest normal number: four steps later it would be denormal. */
  private static final float ALMOST_DENORMAL = 1.18e-38f;

  private final Rule rule;
  private final Device device;
  private final List<Parameter> parameters = new ArrayList<>();
  private final Gradients gradients;
  private final Optimizer optimizer;

  Fused(Rule rule, Model model, Memory memory, Rows rows, int threads) {
    this.rule = rule;
    this.device = Device.cpu(threads);
    for (int size : model.sizes()) {
      String name = "parameter" + parameters.size();
      parameters.add(
          switch (memory) {
            case NATIVE -> Parameter.allocate(device, name, size);
            case HEAP -> Parameter.of(name, new float[size]).gradient(new float[size]);
          });
    }
    Gradients.fill(parameters.stream().map(Parameter::data).toList(), Rows.NORMAL.tile());
    this.gradients =
        new Gradients(parameters.stream().map(p -> p.gradient().orElseThrow()).toList(), rows);
    this.optimizer = rule.fused(device, parameters);
    optimizer.step();
    if (rows != Rows.NORMAL) {
      decayState();
    }
  }

  /** As if gradients had been zero for the 80,000 steps that the second moment takes to vanish. */
  private void decayState() {
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

  Gradients gradients() {
    return gradients;
  }

  String deviceDescription() {
    return device.description();
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
    optimizer.close();
    parameters.forEach(Parameter::close);
    device.close();
  }
}
