package dev.warpstep.unfused.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.warpstep.Adam;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.backend.cuda.JCudaNatives;
import dev.warpstep.backend.cuda.OnCuda;
import dev.warpstep.backend.cuda.Simulator;
import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedFullStep;
import dev.warpstep.unfused.UnfusedOptimizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import jcuda.driver.CUdeviceptr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The unfused step on the device against the fused one on the same stream, by bits. */
@OnCuda
final class CudaUnfusedTest {
  /** Empty, less than a vector, around a block's tile of vectors, several pieces. */
  private static final long[] COUNTS = {0, 1, 3, 17, 1023, 1025, 4096, 4097, 9001};

  private static final int STEPS = 3;
  private static final long SEED = 7;

  /** Builds the library's optimizer of a rule. */
  private interface Fused {
    Optimizer of(List<Parameter> parameters, CudaWorkplace workplace);
  }

  private static Stream<Arguments> rules() {
    Fused momentum =
        (parameters, workplace) ->
            SGD.builder().lr(0.01).momentum(0.9).build(workplace.device(), parameters);
    Fused rmsprop =
        (parameters, workplace) ->
            RMSprop.builder().lr(0.01).alpha(0.99).build(workplace.device(), parameters);
    Fused adam =
        (parameters, workplace) -> Adam.builder().lr(0.01).build(workplace.device(), parameters);
    return Stream.of(false, true)
        .flatMap(
            foreach ->
                Stream.of(0, 4)
                    .flatMap(
                        offset ->
                            Stream.of(
                                Arguments.of(
                                    new UnfusedRule.Momentum(0.01, 0.9), momentum, foreach, offset),
                                Arguments.of(
                                    new UnfusedRule.RMSprop(0.01, 0.99, 1e-8),
                                    rmsprop,
                                    foreach,
                                    offset),
                                Arguments.of(
                                    new UnfusedRule.Adam(0.01, 0.9, 0.999, 1e-8),
                                    adam,
                                    foreach,
                                    offset))));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void endsAtTheBitsOfTheFusedStep(UnfusedRule rule, Fused fused, boolean foreach, int byteOffset) {
    Random random = new Random(SEED);
    List<Parameter> parameters = new ArrayList<>();
    try (CudaWorkplace workplace = new CudaWorkplace(0)) {
      List<CUdeviceptr> gradients = new ArrayList<>();
      List<CUdeviceptr> values = new ArrayList<>();
      List<CUdeviceptr> allocated = new ArrayList<>();
      for (long count : COUNTS) {
        Parameter parameter = Parameter.allocate(workplace.device(), "p" + count, count);
        parameter.copyFrom(floats(random, count));
        parameter.copyGradientFrom(floats(random, count));
        parameters.add(parameter);
        gradients.add(
            count == 0 ? new CUdeviceptr() : JCudaAdapter.gradient(parameter).orElseThrow());
        CUdeviceptr memory = workplace.allocate(Float.BYTES * count + byteOffset);
        allocated.add(memory);
        values.add(memory.withByteOffset(byteOffset));
        if (count > 0) {
          workplace.copy(values.getLast(), JCudaAdapter.data(parameter), Float.BYTES * count);
        }
      }
      try (Optimizer optimizer = fused.of(parameters, workplace);
          TensorList valueList = TensorList.of(workplace, values, COUNTS);
          TensorList gradientList = TensorList.of(workplace, gradients, COUNTS);
          Passes passes =
              foreach
                  ? new ForeachPasses(workplace, COUNTS)
                  : new PerTensorPasses(workplace, COUNTS.length);
          CudaUnfusedOptimizer unfused =
              new CudaUnfusedOptimizer(workplace, rule, valueList, gradientList)) {
        for (int step = 0; step < STEPS; step++) {
          optimizer.step();
          unfused.step(passes);
          passes.step(() -> passes.scale(gradientList, -0.5f));
        }
        for (int i = 0; i < COUNTS.length; i++) {
          float[] before = parameters.get(i).toArray();
          assertArrayEquals(before, valueList.download(i), "tensor " + i);
        }
      }
      allocated.forEach(workplace::free);
      parameters.forEach(Parameter::close);
    }
  }

  @Test
  void aHandWrittenKernelPerTensorEndsThereToo() {
    long[] counts = {5, 1_000};
    try (CudaWorkplace workplace = new CudaWorkplace(0);
        TensorList values = TensorList.zeros(workplace, counts);
        TensorList others = TensorList.zeros(workplace, counts);
        TensorList gradients = TensorList.zeros(workplace, counts);
        TensorList first = TensorList.zeros(workplace, counts);
        TensorList second = TensorList.zeros(workplace, counts);
        Passes passes = new ForeachPasses(workplace, counts);
        CudaUnfusedOptimizer unfused =
            new CudaUnfusedOptimizer(
                workplace, new UnfusedRule.Adam(1e-3, 0.9, 0.999, 1e-8), values, gradients)) {
      TwelveArguments twelve = new TwelveArguments(workplace, others, gradients, first, second);
      passes.add(gradients, 0.25f);
      for (int step = 0; step < STEPS; step++) {
        unfused.step(passes);
        twelve.step();
        passes.scale(gradients, -1.5f);
      }
      assertArrayEquals(values.download(1), others.download(1));
      assertTrue(values.download(1)[0] != 0);
    }
  }

  /** Against the same on the CPU, with which it shares no code but the settings. */
  @Test
  void aFullStepWithCublasEndsWhereThatOfTheCpuDoes() throws IOException {
    try {
      JCudaNatives.loadCublas();
    } catch (LinkageError e) {
      // The software driver has one beside it, a GPU's host perhaps not.
      assumeFalse(Simulator.find().isEmpty(), () -> "cuBLAS cannot be loaded: " + e.getMessage());
      throw e;
    }
    Random random = new Random(SEED);
    long[] counts = {0, 5, 1_000};
    UnfusedFullStep.Settings settings = new UnfusedFullStep.Settings(0.01, 0.1, 8, 3, 0.9);
    List<Tensor> tensors = new ArrayList<>();
    for (long count : counts) {
      tensors.add(new Tensor("t" + count, floats(random, count), floats(random, count)));
    }
    UnfusedFullStep expected = new UnfusedFullStep(tensors, settings, 1);
    try (CudaWorkplace workplace = new CudaWorkplace(0);
        TensorList values = TensorList.zeros(workplace, counts);
        TensorList gradients = TensorList.zeros(workplace, counts);
        CublasPasses passes = new CublasPasses(workplace, counts);
        CublasFullStep full = new CublasFullStep(workplace, passes, values, gradients, settings)) {
      for (int i = 0; i < counts.length; i++) {
        upload(workplace, values, i, tensors.get(i).values());
      }
      for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < counts.length; i++) {
          float[] gradient = floats(random, counts[i]);
          System.arraycopy(gradient, 0, tensors.get(i).gradient(), 0, gradient.length);
          upload(workplace, gradients, i, gradient);
        }
        double norm = expected.step(UnfusedOptimizer.Passes.COMPOUND);
        assertEquals(norm, full.step(), 1e-5 * norm);
      }
      for (int i = 0; i < counts.length; i++) {
        assertArrayEquals(tensors.get(i).values(), values.download(i), 1e-5f);
        assertArrayEquals(expected.average(i), full.averages().download(i), 1e-5f);
        assertArrayEquals(new float[(int) counts[i]], gradients.download(i));
      }
    }
  }

  private static void upload(CudaWorkplace workplace, TensorList list, int tensor, float[] values) {
    if (values.length > 0) {
      try (Arena arena = Arena.ofConfined()) {
        workplace.upload(list.array(tensor), arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
      }
    }
  }

  @Test
  void measuresTheTimeOfTheDevice() {
    try (CudaWorkplace workplace = new CudaWorkplace(0);
        TensorList list = TensorList.zeros(workplace, new long[] {1_000});
        Passes passes = new PerTensorPasses(workplace, 1)) {
      workplace.startClock();
      passes.step(() -> passes.add(list, 1.5f));
      double millis = workplace.stopClock();
      assertTrue(millis >= 0 && millis < 60_000, () -> "took " + millis);
      assertEquals(1.5f, list.download(0)[999]);
      assertTrue(workplace.freeBytes() > 0);
      assertTrue(workplace.cacheBytes() > 0);
    }
  }

  private static float[] floats(Random random, long count) {
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
