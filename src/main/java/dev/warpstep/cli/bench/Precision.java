package dev.warpstep.cli.bench;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.MasterWeights;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import java.util.Locale;

/** What parameters, gradients, state and master weights are stored as. */
public enum Precision {
  /** Everything in fp32. */
  FP32(DType.FLOAT32, DType.FLOAT32, MasterWeights.NONE),
  /** Everything in fp64. */
  FP64(DType.FLOAT64, DType.FLOAT64, MasterWeights.NONE),
  /** Everything in bf16, rounded stochastically. */
  BF16(DType.BFLOAT16, DType.BFLOAT16, MasterWeights.NONE) {
    @Override
    public <B extends Optimizer.Builder<?, B>> B configure(B builder) {
      return super.configure(builder).stochasticRounding(SEED);
    }
  },
  /** Parameters and gradients in bf16, state and master weights in fp32. */
  BF16_MASTER(DType.BFLOAT16, DType.FLOAT32, MasterWeights.FLOAT32),
  /** The same, but of the master weights only the half that the parameters lack. */
  BF16_REMAINDER(DType.BFLOAT16, DType.FLOAT32, MasterWeights.REMAINDER),
  /** Parameters and gradients in fp16, state and master weights in fp32. */
  FP16_MASTER(DType.FLOAT16, DType.FLOAT32, MasterWeights.FLOAT32);

  private static final long SEED = 42;

  private final DType dtype;
  private final DType stateDtype;
  private final MasterWeights masterWeights;

  Precision(DType dtype, DType stateDtype, MasterWeights masterWeights) {
    this.dtype = dtype;
    this.stateDtype = stateDtype;
    this.masterWeights = masterWeights;
  }

  /** For example {@code bf16_master}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Of parameters and gradients. */
  public DType dtype() {
    return dtype;
  }

  /** Bytes that a rule moves per parameter in one pass. */
  public int bytesPerParameter(Rule rule) {
    return parameterAndMasterBytes()
        + dtype.sizeBytes()
        + 2 * stateDtype.sizeBytes() * rule.states();
  }

  /**
   * Bytes of a whole step of AdamW: a norm pass that reads the gradient, and an update that writes
   * it too and averages the parameters.
   */
  public int bytesPerParameterOfFullStep() {
    int averageBytes = Math.max(Float.BYTES, dtype.sizeBytes());
    return bytesPerParameter(Rule.ADAM) + 2 * dtype.sizeBytes() + 2 * averageBytes;
  }

  /** Read and written, but for a parameter that is only a rounded copy of its master. */
  private int parameterAndMasterBytes() {
    return switch (masterWeights) {
      case NONE -> 2 * dtype.sizeBytes();
      case FLOAT32 -> dtype.sizeBytes() + 2 * Float.BYTES;
      case REMAINDER -> 2 * dtype.sizeBytes() + 2 * Short.BYTES;
    };
  }

  /** Makes an optimizer store what it keeps so. */
  public <B extends Optimizer.Builder<?, B>> B configure(B builder) {
    builder.masterWeights(masterWeights);
    return stateDtype == DType.FLOAT64 ? builder : builder.stateDtype(stateDtype);
  }

  /** A parameter in memory of a device, with a gradient. */
  public Parameter allocate(Device device, String name, long elements) {
    return Parameter.allocate(device, dtype, name, elements);
  }
}
