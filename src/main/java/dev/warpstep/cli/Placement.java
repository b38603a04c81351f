package dev.warpstep.cli;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.unfused.Tensor;
import java.util.List;

/**
 * A network's tensors where a device can update them: the CPU does it in place; any other device,
 * and any other type than fp32, has copies, to which gradients and from which values are copied
 * around each step.
 */
final class Placement implements AutoCloseable {
  private final List<Tensor> tensors;
  private final Device device;
  private final DType dtype;
  private final boolean inPlace;
  private final List<Parameter> parameters;

  Placement(List<Tensor> tensors, Device device) {
    this(tensors, device, DType.FLOAT32);
  }

  /** Values and gradients of a type. */
  Placement(List<Tensor> tensors, Device device, DType dtype) {
    this.tensors = tensors;
    this.device = device;
    this.dtype = dtype;
    this.inPlace = isInPlace(device) && dtype == DType.FLOAT32;
    this.parameters = tensors.stream().map(this::place).toList();
  }

  /** Whether a device updates the network's own memory. */
  static boolean isInPlace(Device device) {
    return device.name().equals("cpu");
  }

  private Parameter place(Tensor tensor) {
    if (inPlace) {
      return Parameter.of(tensor.name(), tensor.values()).gradient(tensor.gradient());
    }
    Parameter copy = Parameter.allocate(device, dtype, tensor.name(), tensor.values().length);
    copy.copyFrom(tensor.values());
    return copy;
  }

  List<Parameter> parameters() {
    return parameters;
  }

  /** Before a step: the device's gradients are the network's. */
  void sendGradients() {
    if (!inPlace) {
      for (int i = 0; i < tensors.size(); i++) {
        parameters.get(i).copyGradientFrom(tensors.get(i).gradient());
      }
    }
  }

  /** After a step: the network's values are the device's. */
  void fetchValues() {
    if (!inPlace) {
      for (int i = 0; i < tensors.size(); i++) {
        float[] values = tensors.get(i).values();
        System.arraycopy(parameters.get(i).toArray(), 0, values, 0, values.length);
      }
    }
  }

  @Override
  public void close() {
    parameters.forEach(Parameter::close);
  }
}
