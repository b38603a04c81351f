package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An average that is updated by itself has the bits of one that steps update. */
class AverageUpdateTest {
  private static final int[] COUNTS = {1, 1_000, 40_003};
  private static final DType[] DTYPES = {DType.FLOAT32, DType.BFLOAT16, DType.FLOAT64};
  private static final int STEPS = 4;

  /** An optimizer over parameters of three types, one of them without a gradient. */
  private static final class Model implements AutoCloseable {
    final Device device = Device.cpu(2);
    final List<Parameter> parameters = new ArrayList<>();
    final Optimizer optimizer;

    Model(MasterWeights masterWeights) {
      SplittableRandom random = new SplittableRandom(9);
      for (DType dtype : DTYPES) {
        for (int count : COUNTS) {
          Parameter parameter = Parameter.allocate(device, dtype, dtype + "." + count, count);
          parameter.copyFrom(floats(random, count));
          parameter.copyGradientFrom(floats(random, count));
          parameters.add(parameter);
        }
      }
      parameters.get(4).clearGradient();
      optimizer = AdamW.builder().lr(0.01).masterWeights(masterWeights).build(device, parameters);
    }

    private static float[] floats(SplittableRandom random, int count) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (float) random.nextGaussian();
      }
      return values;
    }

    @Override
    public void close() {
      optimizer.close();
      parameters.forEach(Parameter::close);
      device.close();
    }
  }

  @ParameterizedTest
  @EnumSource(MasterWeights.class)
  void isThatOfSteps(MasterWeights masterWeights) {
    try (Model one = new Model(masterWeights);
        Model other = new Model(masterWeights);
        AveragedParameters fusedEma = AveragedParameters.ema(one.optimizer, 0.9);
        AveragedParameters ema = AveragedParameters.ema(other.optimizer, 0.9);
        AveragedParameters mean = AveragedParameters.swa(other.optimizer)) {
      StepOptions options = StepOptions.builder().average(fusedEma).build();
      for (int step = 0; step < STEPS; step++) {
        one.optimizer.step(options);
        other.optimizer.step();
        ema.update();
        mean.update();
      }
      assertSame(one, fusedEma, other, ema);
      try (Model third = new Model(masterWeights);
          AveragedParameters fusedMean = AveragedParameters.swa(third.optimizer)) {
        // Counted by the norm pass, and at last by the host.
        StepOptions normed = StepOptions.builder().average(fusedMean).maxNorm(1e30).build();
        for (int step = 1; step < STEPS; step++) {
          third.optimizer.step(normed);
        }
        third.optimizer.step();
        fusedMean.update();
        assertSame(third, fusedMean, other, mean);
      }
    }
  }

  private static void assertSame(
      Model one, AveragedParameters average, Model other, AveragedParameters otherAverage) {
    assertEquals(average.updates(), otherAverage.updates());
    for (int i = 0; i < one.parameters.size(); i++) {
      assertArrayEquals(
          average.toDoubleArray(one.parameters.get(i)),
          otherAverage.toDoubleArray(other.parameters.get(i)),
          one.parameters.get(i).name());
      assertArrayEquals(one.parameters.get(i).toArray(), other.parameters.get(i).toArray());
    }
  }

  @Test
  void followsParametersThatJoinAndMastersThatMove() {
    try (Device device = Device.cpu(1)) {
      float[] values = {2};
      Parameter first = Parameter.of("first", values);
      short[] half = {0x4080}; // 4
      Parameter second = Parameter.of("second", DType.BFLOAT16, MemorySegment.ofArray(half));
      float[] master = {4.001f};
      try (SGD sgd = SGD.builder().build(device, List.of(first));
          AveragedParameters mean = AveragedParameters.swa(sgd)) {
        mean.update();
        sgd.addParamGroup(ParamGroup.of(second));
        values[0] = 4;
        mean.update();
        assertArrayEquals(new float[] {3}, mean.toArray(first));
        assertArrayEquals(new float[] {4}, mean.toArray(second));
        second.master(MemorySegment.ofArray(master));
        master[0] = 4.003f;
        values[0] = 6;
        mean.update();
        assertEquals(3, mean.updates());
        assertArrayEquals(new float[] {4}, mean.toArray(first));
        assertEquals(4 + 0.001f, mean.toArray(second)[0], 1e-6f);
      }
    }
  }

  /** The remainders beside an average would be those of other numbers. */
  @Test
  void whileAnAverageIsSwappedInTheOptimizerNeitherSavesNorLoads() {
    try (Model model = new Model(MasterWeights.REMAINDER)) {
      AveragedParameters ema = AveragedParameters.ema(model.optimizer, 0.9);
      AveragedParameters mean = AveragedParameters.swa(model.optimizer);
      model.optimizer.step(StepOptions.builder().average(ema).build());
      model.optimizer.step(StepOptions.builder().average(ema).build());
      mean.update();
      StateDict state = model.optimizer.stateDict();
      List<float[]> values = model.parameters.stream().map(Parameter::toArray).toList();
      ema.swapIn();
      assertThrows(IllegalStateException.class, mean::swapIn);
      mean.close();
      for (Executable use :
          List.<Executable>of(
              model.optimizer::step,
              model.optimizer::stateDict,
              model.optimizer::state,
              model.optimizer::reloadMasterWeights,
              () -> model.optimizer.loadStateDict(state))) {
        IllegalStateException thrown = assertThrows(IllegalStateException.class, use);
        assertTrue(thrown.getMessage().contains("call swapOut() first"), thrown::getMessage);
      }
      ema.close(); // gives the values back
      for (int i = 0; i < values.size(); i++) {
        assertArrayEquals(values.get(i), model.parameters.get(i).toArray());
      }
      model.optimizer.loadStateDict(state);
      model.optimizer.step();
    }
  }

  @Test
  void closingGivesTheValuesBackAlsoAfterTheOptimizer() {
    float[] values = {1};
    Arena arena = Arena.ofShared();
    try (Device device = Device.cpu(1)) {
      SGD sgd = SGD.builder().build(device, List.of(Parameter.of("p", values)));
      AveragedParameters mean = AveragedParameters.swa(sgd);
      mean.update();
      values[0] = 2;
      mean.swapIn();
      assertEquals(1, values[0]);
      sgd.close();
      mean.close();
      mean.close();
      assertEquals(2, values[0]);
      try (SGD other =
          SGD.builder().build(device, List.of(Parameter.of("freed", arena.allocate(4, 4))))) {
        AveragedParameters lost = AveragedParameters.swa(other);
        lost.swapIn();
        arena.close();
        assertThrows(IllegalStateException.class, lost::close);
        lost.close();
      }
    }
  }

  @Test
  void aSwapIsRefusedAsAWhole() {
    Arena arena = Arena.ofShared();
    float[] values = {1};
    try (Device device = Device.cpu(1);
        SGD sgd =
            SGD.builder()
                .build(
                    device,
                    List.of(
                        Parameter.of("kept", values),
                        Parameter.of("freed", arena.allocate(4, 4))));
        AveragedParameters mean = AveragedParameters.swa(sgd)) {
      mean.update();
      values[0] = 2;
      arena.close();
      assertEquals(
          "memory of parameter freed was freed",
          assertThrows(IllegalStateException.class, mean::swapIn).getMessage());
      assertEquals(2, values[0]);
    }
  }

  @Test
  void isRefusedAsAWhole() {
    Arena arena = Arena.ofShared();
    float[] values = {1};
    Parameter kept = Parameter.of("kept", values);
    Parameter freed = Parameter.of("freed", arena.allocate(4, 4));
    try (Device device = Device.cpu(1);
        SGD sgd = SGD.builder().build(device, List.of(kept, freed));
        AveragedParameters ema = AveragedParameters.ema(sgd, 0.5)) {
      AveragedParameters mean = AveragedParameters.swa(sgd);
      mean.update();
      ema.update();
      ema.swapIn();
      assertThrows(IllegalStateException.class, ema::update);
      assertThrows(IllegalStateException.class, mean::update);
      ema.swapOut();
      values[0] = 3;
      arena.close();
      assertEquals(
          "memory of parameter freed was freed before step()",
          assertThrows(IllegalStateException.class, mean::update).getMessage());
      assertArrayEquals(new float[] {1}, mean.toArray(kept));
      assertEquals(1, mean.updates());
      mean.close();
      assertThrows(IllegalStateException.class, mean::update);
    }
  }
}
