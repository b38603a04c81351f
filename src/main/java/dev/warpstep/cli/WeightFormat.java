package dev.warpstep.cli;

import dev.warpstep.DType;
import dev.warpstep.MasterWeights;
import dev.warpstep.Optimizer;
import java.util.Arrays;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * How weights are kept while they train. Gradients have the type of the weights; without master
 * weights so has the state, otherwise it is fp32.
 */
enum WeightFormat {
  FP32("fp32", DType.FLOAT32, MasterWeights.NONE, false),
  BF16("bf16", DType.BFLOAT16, MasterWeights.NONE, false),
  BF16_STOCHASTIC("bf16-stochastic", DType.BFLOAT16, MasterWeights.NONE, true),
  BF16_MASTER("bf16-master", DType.BFLOAT16, MasterWeights.FLOAT32, false),
  BF16_REMAINDER("bf16-remainder", DType.BFLOAT16, MasterWeights.REMAINDER, false),
  FP16("fp16", DType.FLOAT16, MasterWeights.NONE, false),
  FP16_STOCHASTIC("fp16-stochastic", DType.FLOAT16, MasterWeights.NONE, true),
  FP16_MASTER("fp16-master", DType.FLOAT16, MasterWeights.FLOAT32, false);

  private final String name;
  private final DType dtype;
  private final MasterWeights masterWeights;
  private final boolean stochastic;

  WeightFormat(String name, DType dtype, MasterWeights masterWeights, boolean stochastic) {
    this.name = name;
    this.dtype = dtype;
    this.masterWeights = masterWeights;
    this.stochastic = stochastic;
  }

  /** Of weights and gradients. */
  DType dtype() {
    return dtype;
  }

  /**
   * Tells a builder.
   *
   * @param seed of stochastic rounding
   * @return the builder
   */
  Optimizer.Builder<?, ?> configure(Optimizer.Builder<?, ?> builder, long seed) {
    builder.masterWeights(masterWeights);
    if (masterWeights == MasterWeights.NONE) {
      builder.stateDtype(dtype);
    }
    if (stochastic) {
      builder.stochasticRounding(seed);
    }
    return builder;
  }

  /** As the option has it. */
  @Override
  public String toString() {
    return name;
  }

  /** Reads the option. */
  static final class Converter implements ITypeConverter<WeightFormat> {
    @Override
    public WeightFormat convert(String value) {
      return Arrays.stream(values())
          .filter(format -> format.name.equals(value))
          .findFirst()
          .orElseThrow(
              () ->
                  new TypeConversionException(
                      "must be among %s, was %s".formatted(names(), value)));
    }

    private static String names() {
      return Arrays.stream(values()).map(WeightFormat::toString).collect(Collectors.joining(", "));
    }
  }
}
