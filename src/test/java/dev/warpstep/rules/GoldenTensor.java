package dev.warpstep.rules;

import dev.warpstep.DType;
import dev.warpstep.Parameter;
import dev.warpstep.golden.FullStepCase;
import dev.warpstep.golden.GoldenCase;
import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenInputs;
import java.lang.foreign.MemorySegment;

/** A parameter of a golden case, in the case's dtype. */
sealed interface GoldenTensor {
  /** The parameter before the first step. */
  static GoldenTensor of(Dtype dtype, GoldenInputs inputs, int index, int size) {
    return switch (dtype) {
      case FLOAT32 -> {
        float[] values = inputs.initialFloats(index, size);
        yield new OfFloats(index, values, Parameter.of("tensor" + index, values));
      }
      case FLOAT64 -> {
        double[] values = inputs.initialDoubles(index, size);
        MemorySegment memory = MemorySegment.ofArray(values);
        yield new OfDoubles(index, values, Parameter.of("tensor" + index, DType.FLOAT64, memory));
      }
    };
  }

  /** Over the values. */
  Parameter parameter();

  /** A copy of the values. */
  double[] toDoubles();

  /** The gradient of a step, from the values before it. */
  MemorySegment gradient(GoldenCase golden, int step);

  /** The gradient of a step of a loss times the scale, from the values before it. */
  MemorySegment gradient(FullStepCase golden, int step, double scale);

  /** In fp32. */
  @SuppressWarnings("ArrayRecordComponent") // an identity, never compared
  record OfFloats(int index, float[] values, Parameter parameter) implements GoldenTensor {
    @Override
    public double[] toDoubles() {
      return parameter.toDoubleArray();
    }

    @Override
    public MemorySegment gradient(GoldenCase golden, int step) {
      return MemorySegment.ofArray(
          golden.inputs().gradient(golden.gradient(), index, step, values));
    }

    @Override
    public MemorySegment gradient(FullStepCase golden, int step, double scale) {
      return MemorySegment.ofArray(golden.gradient(index, step, values, scale));
    }
  }

  /** In fp64. */
  @SuppressWarnings("ArrayRecordComponent") // an identity, never compared
  record OfDoubles(int index, double[] values, Parameter parameter) implements GoldenTensor {
    @Override
    public double[] toDoubles() {
      return values.clone();
    }

    @Override
    public MemorySegment gradient(GoldenCase golden, int step) {
      return MemorySegment.ofArray(
          golden.inputs().gradient(golden.gradient(), index, step, values));
    }

    @Override
    public MemorySegment gradient(FullStepCase golden, int step, double scale) {
      return MemorySegment.ofArray(golden.gradient(index, step, values, scale));
    }
  }
}
