package dev.warpstep.cli.bench;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import java.util.Locale;

/**
 * What parameters, gradients and state are stored as. The one place to add to when optimizers take
 * more: the names below, the bytes of an element, and how a parameter is allocated.
 */
public enum Precision {
  /** Everything in fp32. */
  FP32(DType.FLOAT32, 4);

  private final DType dtype;
  private final int elementBytes;

  Precision(DType dtype, int elementBytes) {
    this.dtype = dtype;
    this.elementBytes = elementBytes;
  }

  /** For example {@code fp32}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Of parameters and gradients. */
  public DType dtype() {
    return dtype;
  }

  /** Bytes that a rule moves per parameter in one pass. */
  public int bytesPerParameter(Rule rule) {
    return rule.arraysMoved() * elementBytes;
  }

  /** A parameter in memory of a device, with a gradient. */
  public Parameter allocate(Device device, String name, long elements) {
    return Parameter.allocate(device, name, elements);
  }
}
