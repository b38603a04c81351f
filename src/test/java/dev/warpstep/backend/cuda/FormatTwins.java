package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.warpstep.AveragedParameters;
import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.MasterWeights;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.StepOptions;
import dev.warpstep.StepResult;
import dev.warpstep.backend.ElementType;
import dev.warpstep.rules.ParityInputs;
import dev.warpstep.rules.RuleUnderTest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One optimizer twice, on the CPU and on CUDA, with tensors of any types: the same bytes in host
 * memory and in device memory of the caller. Guards lie between tensors.
 */
final class FormatTwins implements AutoCloseable {
  /**
   * Types of a tensor and of what belongs to it.
   *
   * @param state of all but fp64 parameters
   * @param stochastic whether 16-bit values are rounded stochastically
   */
  record Format(
      DType parameter, DType gradient, DType state, MasterWeights master, boolean stochastic) {}

  /** Around vectors, rounds of lanes, tiles and chunks. */
  private static final int[] SIZES = {0, 1, 15, 17, 129, 1023, 1025, 2049, 8193};

  private static final int ALIGNMENT = 64;
  private static final long SPACE = 3 * ALIGNMENT;

  private final SplittableRandom random;
  private final Arena arena = Arena.ofShared();
  private final CallersMemory memory = new CallersMemory();
  private final List<Tensor> tensors = new ArrayList<>();
  private final MemorySegment values;
  private final MemorySegment gradients;
  private final long deviceValues;
  private final long deviceGradients;
  private final Optimizer cpu;
  private final Optimizer cuda;

  private record Tensor(
      Format format,
      int size,
      long valuesAt,
      long gradientsAt,
      Parameter onCpu,
      Parameter onCuda) {}

  FormatTwins(
      RuleUnderTest rule, List<Format> formats, long seed, Device cpuDevice, Device cudaDevice) {
    this.random = new SplittableRandom(seed);
    long most = 0;
    for (int size : SIZES) {
      most += SPACE + size * 8L;
    }
    most *= formats.size();
    this.values = arena.allocate(most, ALIGNMENT).fill((byte) 0x5C);
    this.gradients = arena.allocate(most, ALIGNMENT).fill((byte) 0x5C);
    this.deviceValues = memory.allocate(most);
    this.deviceGradients = memory.allocate(most);
    long end = ALIGNMENT;
    for (Format format : formats) {
      for (int i = 0; i < SIZES.length; i++) {
        // Most are where vectors can be read, some a few elements off.
        long offset = i % 3 == 2 ? i % 4 : 0;
        long valuesAt = end + offset * format.parameter().sizeBytes();
        String name = "%d: %s, %d".formatted(tensors.size(), format, SIZES[i]);
        MemorySegment slice =
            values.asSlice(valuesAt, (long) SIZES[i] * format.parameter().sizeBytes());
        randomise(format.parameter(), slice, true);
        tensors.add(
            new Tensor(
                format,
                SIZES[i],
                valuesAt,
                end,
                Parameter.of(name, format.parameter(), slice),
                Parameter.ofDeviceMemory(
                    cudaDevice, name, format.parameter(), deviceValues + valuesAt, SIZES[i])));
        end = Math.ceilDiv(end + SPACE / 2 + SIZES[i] * 8L, ALIGNMENT) * ALIGNMENT;
      }
    }
    memory.write(deviceValues, values);
    this.cpu =
        builder(rule, formats.getFirst())
            .build(cpuDevice, tensors.stream().map(Tensor::onCpu).toList());
    this.cuda =
        builder(rule, formats.getFirst())
            .build(cudaDevice, tensors.stream().map(Tensor::onCuda).toList());
  }

  private static Optimizer.Builder<?, ?> builder(RuleUnderTest rule, Format format) {
    Optimizer.Builder<?, ?> builder = rule.builder().get();
    builder.stateDtype(format.state()).masterWeights(format.master());
    return format.stochastic() ? builder.stochasticRounding(42) : builder;
  }

  private void randomise(DType dtype, MemorySegment slice, boolean finite) {
    ElementType type = ElementType.valueOf(dtype.name());
    for (long i = 0; i < slice.byteSize() / type.sizeBytes(); i++) {
      if (finite || random.nextInt(4) > 0) {
        type.set(slice, i, Math.scalb(random.nextDouble() - 0.5, random.nextInt(-14, 3)));
      } else if (type.sizeBytes() == Short.BYTES) {
        slice.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) random.nextInt());
      } else {
        type.set(slice, i, ParityInputs.any(random));
      }
    }
  }

  Optimizer cpu() {
    return cpu;
  }

  Optimizer cuda() {
    return cuda;
  }

  /**
   * New gradients on both; the fourth tensor has none in the last step.
   *
   * @param shift by how many elements every third one lies beside an aligned address
   */
  void gradients(int shift, boolean finite) {
    cuda.device().synchronize();
    gradients.fill((byte) 0x5C);
    for (int i = 0; i < tensors.size(); i++) {
      Tensor tensor = tensors.get(i);
      DType dtype = tensor.format().gradient();
      long at = tensor.gradientsAt() + (i % 3 == 1 ? (long) shift * dtype.sizeBytes() : 0);
      MemorySegment slice = gradients.asSlice(at, (long) tensor.size() * dtype.sizeBytes());
      randomise(dtype, slice, finite);
      if (shift == 2 && i == 3) {
        tensor.onCpu().clearGradient();
        tensor.onCuda().clearGradient();
      } else {
        tensor.onCpu().gradient(dtype, slice);
        tensor.onCuda().gradient(dtype, deviceGradients + at);
      }
    }
    memory.write(deviceGradients, gradients);
  }

  void step() {
    cpu.step();
    cuda.step();
  }

  StepResult step(StepOptions onCpu, StepOptions onCuda, String what) {
    StepResult expected = cpu.step(onCpu);
    StepResult actual = cuda.step(onCuda);
    assertEquals(expected.norm(), actual.norm(), what);
    assertEquals(expected.scale(), actual.scale(), what);
    assertEquals(expected.skipped(), actual.skipped(), what);
    assertEquals(expected.statistics(), actual.statistics(), what);
    return actual;
  }

  void checkAverages(AveragedParameters ofCpu, AveragedParameters ofCuda, String what) {
    assertEquals(ofCpu.updates(), ofCuda.updates(), what);
    for (Tensor tensor : tensors) {
      equal(
          ofCpu.toDoubleArray(tensor.onCpu()),
          ofCuda.toDoubleArray(tensor.onCuda()),
          what + ", average of " + tensor.onCpu());
    }
  }

  /** Values, guards, gradients and state are the same by bits, NaN as NaN. */
  void check(String what) {
    compareSlabs(values, deviceValues, true, what + ", values");
    compareSlabs(gradients, deviceGradients, false, what + ", gradients");
    StateDict expected = cpu.stateDict();
    StateDict actual = cuda.stateDict();
    assertEquals(expected.rounding(), actual.rounding(), what);
    assertEquals(expected.state().keySet(), actual.state().keySet(), what);
    expected
        .state()
        .forEach((name, state) -> equal(state, actual.state().get(name), what + ", " + name));
  }

  private void compareSlabs(MemorySegment expected, long address, boolean ofValues, String what) {
    MemorySegment actual = arena.allocate(expected.byteSize());
    memory.read(address, actual);
    if (expected.mismatch(actual) < 0) {
      return;
    }
    // NaNs may differ in their bits: once they are the same, everything must be.
    for (Tensor tensor : tensors) {
      DType dtype = ofValues ? tensor.format().parameter() : tensor.format().gradient();
      ElementType type = ElementType.valueOf(dtype.name());
      for (int i = 0; i < tensor.size(); i++) {
        long at = ofValues ? tensor.valuesAt() : tensor.gradientsAt();
        MemorySegment here = expected.asSlice(at, (long) tensor.size() * type.sizeBytes());
        MemorySegment there = actual.asSlice(at, (long) tensor.size() * type.sizeBytes());
        double mine = type.get(here, i);
        double theirs = type.get(there, i);
        if (Double.isNaN(mine) && Double.isNaN(theirs)) {
          type.set(there, i, 0);
          type.set(here, i, 0);
        } else if (Double.compare(mine, theirs) != 0) {
          fail(
              "%s of %s: element %d is %s, on the CPU %s".formatted(what, tensor, i, theirs, mine));
        }
      }
    }
    long at = expected.mismatch(actual);
    if (at >= 0) {
      fail("%s: byte %d beside the tensors was changed".formatted(what, at));
    }
    if (ofValues) {
      memory.write(deviceValues, expected);
    }
  }

  private static void equal(ParameterState expected, ParameterState actual, String what) {
    assertEquals(expected.step(), actual.step(), what);
    assertEquals(expected.tensors().keySet(), actual.tensors().keySet(), what);
    expected
        .tensors()
        .forEach(
            (name, tensor) -> {
              StateTensor other = actual.tensor(name);
              assertEquals(tensor.dtype(), other.dtype(), what);
              equal(tensor.toDoubleArray(), other.toDoubleArray(), what + ", " + name);
            });
  }

  private static void equal(double[] expected, double[] actual, String what) {
    int at = Arrays.mismatch(expected, actual); // NaN as NaN
    if (at >= 0) {
      fail(
          "%s: element %d is %s on CUDA and %s on the CPU"
              .formatted(
                  what, at, Double.toHexString(actual[at]), Double.toHexString(expected[at])));
    }
  }

  @Override
  public void close() {
    cpu.close();
    cuda.close();
    memory.close();
    arena.close();
  }
}
