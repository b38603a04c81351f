package dev.warpstep.cli.bench;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import java.util.List;

/** An optimizer of the library, used as everybody uses it. */
public final class Fused implements Trainee {
  private final List<Parameter> parameters;
  private final Optimizer optimizer;
  private final long bytes;

  /**
   * Builds the optimizer.
   *
   * @param parameters closed with this
   */
  public Fused(Rule rule, Precision precision, Device device, List<Parameter> parameters) {
    this.parameters = List.copyOf(parameters);
    this.optimizer = rule.fused(precision, device, parameters);
    this.bytes =
        precision.bytesPerParameter(rule)
            * parameters.stream().mapToLong(Parameter::elementCount).sum();
  }

  /** The optimizer. */
  public Optimizer optimizer() {
    return optimizer;
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
    return parameters.get(tensor).toArray();
  }

  @Override
  public void close() {
    optimizer.close();
    parameters.forEach(Parameter::close);
  }
}
