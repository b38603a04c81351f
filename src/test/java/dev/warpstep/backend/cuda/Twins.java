package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.warpstep.AveragedParameters;
import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StepOptions;
import dev.warpstep.StepResult;
import dev.warpstep.rules.ParityInputs;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/**
 * One optimizer twice, on the CPU and on CUDA. All tensors lie in one slab, which is a host array
 * for the CPU and the same image in device memory of the caller; another slab holds the gradients.
 *
 * <pre>
 *   slab   | 64-byte boundary          | 64-byte boundary
 *          | guard | offset | tensor 0 | guard ...| offset | tensor 1 | ... | guard |
 * </pre>
 *
 * What a kernel writes where it must not shows as a difference of the slabs.
 */
final class Twins implements AutoCloseable {
  /**
   * A tensor.
   *
   * @param size number of elements
   * @param offset from a 64-byte boundary, in floats
   */
  record Shape(int size, int offset) {}

  /** What selects a kernel, with the rule. */
  private static final List<HyperParameter> KERNEL_SETTINGS =
      List.of(HyperParameter.AMSGRAD, HyperParameter.CENTERED, HyperParameter.MOMENTUM);

  private static final int GUARD = 16;
  private static final float PATTERN = Float.intBitsToFloat(0x5CA1AB1E);

  private final SplittableRandom random;
  private boolean finite;
  private final List<Shape> shapes;
  private final int[] begins;
  private final float[] values;
  private final float[] gradients;
  private final CallersMemory memory = new CallersMemory();
  private final long deviceValues;
  private final long deviceGradients;
  private final List<Parameter> onCpu = new ArrayList<>();
  private final List<Parameter> onCuda = new ArrayList<>();
  private final Optimizer cpu;
  private final Optimizer cuda;

  /**
   * @param groupCount into which the tensors are dealt like cards; at most as many as tensors
   */
  Twins(
      Supplier<Optimizer.Builder<?, ?>> builder,
      List<Shape> shapes,
      int groupCount,
      long seed,
      Device cpuDevice,
      Device cudaDevice) {
    this.random = new SplittableRandom(seed);
    this.shapes = shapes;
    this.begins = new int[shapes.size()];
    int end = 0;
    for (int i = 0; i < begins.length; i++) {
      begins[i] = Math.ceilDiv(end + GUARD, GUARD) * GUARD;
      end = begins[i] + shapes.get(i).size() + 2 * GUARD;
    }
    this.values = new float[end + GUARD];
    this.gradients = new float[end + GUARD];
    Arrays.fill(values, PATTERN);
    for (int i = 0; i < begins.length; i++) {
      randomise(values, begins[i] + shapes.get(i).offset(), shapes.get(i).size());
    }
    this.deviceValues = memory.of(values);
    this.deviceGradients = memory.of(gradients);
    for (int i = 0; i < begins.length; i++) {
      String name = "%d: %s".formatted(i, shapes.get(i));
      long at = (begins[i] + shapes.get(i).offset()) * (long) Float.BYTES;
      onCpu.add(Parameter.of(name, slice(values, at, shapes.get(i).size())));
      onCuda.add(
          Parameter.ofDeviceMemory(cudaDevice, name, deviceValues + at, shapes.get(i).size()));
    }
    this.cpu = builder.get().build(cpuDevice, dealt(onCpu, groupCount));
    this.cuda = builder.get().build(cudaDevice, dealt(onCuda, groupCount));
  }

  private static MemorySegment slice(float[] slab, long at, int size) {
    return MemorySegment.ofArray(slab).asSlice(at, size * (long) Float.BYTES);
  }

  private static ParamGroup[] dealt(List<Parameter> parameters, int groupCount) {
    ParamGroup[] groups = new ParamGroup[groupCount];
    for (int g = 0; g < groupCount; g++) {
      List<Parameter> hand = new ArrayList<>();
      for (int i = g; i < parameters.size(); i += groupCount) {
        hand.add(parameters.get(i));
      }
      groups[g] = ParamGroup.of(hand);
    }
    return groups;
  }

  private void randomise(float[] slab, int from, int count) {
    for (int i = from; i < from + count; i++) {
      slab[i] =
          finite
              ? (float) Math.scalb(random.nextDouble() - 0.5, random.nextInt(-20, 8))
              : ParityInputs.any(random);
    }
  }

  Optimizer cpu() {
    return cpu;
  }

  Optimizer cuda() {
    return cuda;
  }

  List<Parameter> cudaParameters() {
    return onCuda;
  }

  /** Sets the learning rate of a group on both. */
  void lr(int group, double lr) {
    cpu.paramGroups().get(group).lr(lr);
    cuda.paramGroups().get(group).lr(lr);
  }

  /** Switches settings of both that select other kernels, some each step. */
  void change(int step) {
    for (Optimizer optimizer : List.of(cpu, cuda)) {
      for (ParamGroup group : optimizer.paramGroups()) {
        for (HyperParameter setting : KERNEL_SETTINGS) {
          if (group.hyperParameters().containsKey(setting)) {
            boolean on = (optimizer.paramGroups().indexOf(group) + step) % 3 == 0;
            group.set(setting, on ? setting == HyperParameter.MOMENTUM ? 0.9 : 1 : 0);
          }
        }
      }
    }
  }

  /**
   * New gradients on both.
   *
   * @param shift where the gradients lie from now on, in floats, less than 16
   * @param missing tensors that have none
   */
  void gradients(int shift, Set<Integer> missing) {
    cuda.device().synchronize(); // the last step may still read the old ones
    Arrays.fill(gradients, PATTERN);
    for (int i = 0; i < begins.length; i++) {
      int begin = begins[i] + shapes.get(i).offset() + shift;
      int size = shapes.get(i).size();
      if (missing.contains(i)) {
        onCpu.get(i).clearGradient();
        onCuda.get(i).clearGradient();
      } else {
        randomise(gradients, begin, size);
        long at = begin * (long) Float.BYTES;
        onCpu.get(i).gradient(slice(gradients, at, size));
        onCuda.get(i).gradient(deviceGradients + at);
      }
    }
    memory.write(deviceGradients, gradients);
  }

  /** New gradients on both, none of them infinite or NaN, of magnitudes that a norm can add. */
  void finiteGradients(int shift, Set<Integer> missing) {
    finite = true;
    gradients(shift, missing);
    finite = false;
  }

  /** One step of both. */
  void step() {
    cpu.step();
    cuda.step();
  }

  /** One step of both, whose results must be the same. */
  StepResult step(StepOptions onCpu, StepOptions onCuda, String what) {
    StepResult expected = cpu.step(onCpu);
    StepResult actual = cuda.step(onCuda);
    assertEquals(expected.norm(), actual.norm(), what);
    assertEquals(expected.scale(), actual.scale(), what);
    assertEquals(expected.skipped(), actual.skipped(), what);
    assertEquals(expected.appliedSteps(), actual.appliedSteps(), what);
    assertEquals(expected.statistics(), actual.statistics(), what);
    return actual;
  }

  /** Averages of both are the same by bits. */
  void checkAverages(AveragedParameters ofCpu, AveragedParameters ofCuda, String what) {
    assertEquals(ofCpu.updates(), ofCuda.updates(), what);
    for (int i = 0; i < onCpu.size(); i++) {
      equal(
          ofCpu.toArray(onCpu.get(i)),
          ofCuda.toArray(onCuda.get(i)),
          what + ", average of " + onCpu.get(i));
    }
  }

  /** Values, guards, gradients, settings and state are the same by bits, NaN as NaN. */
  void check(String what) {
    equal(values, memory.read(deviceValues, values.length), what + ", values");
    equal(gradients, memory.read(deviceGradients, gradients.length), what + ", gradients");
    StateDict expected = cpu.stateDict();
    StateDict actual = cuda.stateDict();
    assertEquals(expected.paramGroups(), actual.paramGroups(), what);
    assertEquals(expected.state().keySet(), actual.state().keySet(), what);
    expected
        .state()
        .forEach((name, state) -> equal(state, actual.state().get(name), what + ", " + name));
  }

  private static void equal(ParameterState expected, ParameterState actual, String what) {
    assertEquals(expected.step(), actual.step(), what);
    assertEquals(expected.tensors().keySet(), actual.tensors().keySet(), what);
    expected
        .tensors()
        .forEach(
            (name, tensor) ->
                equal(tensor.toArray(), actual.tensor(name).toArray(), what + ", " + name));
  }

  private static void equal(float[] expected, float[] actual, String what) {
    int at = Arrays.mismatch(expected, actual); // by floatToIntBits
    if (at >= 0) {
      fail(
          "%s: element %d is %s on CUDA and %s on the CPU"
              .formatted(what, at, Float.toHexString(actual[at]), Float.toHexString(expected[at])));
    }
  }

  @Override
  public void close() {
    cpu.close();
    cuda.close();
    memory.close();
  }
}
