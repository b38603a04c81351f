package dev.warpstep.cli.selfcheck;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** One rule at work on one device, over all tensors of the layout. */
final class Run implements AutoCloseable {
  /** From this step on the learning rate is another one. */
  private static final int CHANGE = 3;

  private static final ParameterState NONE = new ParameterState(OptionalLong.empty(), Map.of());

  private final Device device;
  private final Inputs inputs;
  private final Parameter values;
  private final Parameter gradients;
  private final List<Parameter> tensors = new ArrayList<>();
  private final Optimizer optimizer;

  Run(CheckedRule rule, Device device, Layout layout, Inputs inputs) {
    this.device = device;
    this.inputs = inputs;
    this.values = Parameter.allocate(device, "parameters", layout.length());
    try {
      this.gradients = Parameter.allocate(device, "gradients", layout.length());
    } catch (RuntimeException | OutOfMemoryError e) {
      values.close();
      throw e;
    }
    try {
      values.copyFrom(inputs.parameters());
      layout.tensors().forEach(tensor -> tensors.add(parameter(tensor)));
      this.optimizer = rule.optimizer().build(device, tensors);
    } catch (RuntimeException | OutOfMemoryError e) {
      gradients.close();
      values.close();
      throw e;
    }
  }

  private Parameter parameter(Layout.Tensor tensor) {
    String name = "%d of %d".formatted(tensors.size(), tensor.size());
    if (device.name().equals("cpu")) {
      return Parameter.of(name, slice(values, tensor.begin(), tensor.size()))
          .gradient(slice(gradients, tensor.gradientBegin(), tensor.size()));
    }
    return Parameter.ofDeviceMemory(
            device, name, address(values, tensor.begin()), (long) tensor.size())
        .gradient(address(gradients, tensor.gradientBegin()));
  }

  private static MemorySegment slice(Parameter block, long begin, long size) {
    return block.data().asSlice(begin * Float.BYTES, size * Float.BYTES);
  }

  private static long address(Parameter block, long begin) {
    return block.deviceAddress() + begin * Float.BYTES;
  }

  /** Takes a step, counted from 1. */
  void step(int step) {
    if (step == CHANGE) {
      optimizer.paramGroups().forEach(group -> group.lr(group.lr() / 2));
    }
    gradients.copyFrom(inputs.gradients(step));
    optimizer.step();
  }

  /** The parameters' block. */
  float[] values() {
    return values.toArray();
  }

  /** The gradients' block. */
  float[] gradients() {
    return gradients.toArray();
  }

  /** The state of each tensor, in their order; without content where there is none. */
  List<ParameterState> states() {
    Map<Parameter, ParameterState> states = optimizer.state();
    return tensors.stream().map(tensor -> states.getOrDefault(tensor, NONE)).toList();
  }

  @Override
  public void close() {
    optimizer.close();
    tensors.forEach(Parameter::close);
    gradients.close();
    values.close();
  }
}
