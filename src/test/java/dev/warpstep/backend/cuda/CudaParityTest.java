package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.StateDict;
import dev.warpstep.backend.cuda.Simulator.BlockOrder;
import dev.warpstep.backend.cuda.Twins.Shape;
import dev.warpstep.plan.StepPlan;
import dev.warpstep.rules.ParityInputs;
import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The CPU and a CUDA device compute the same bits. */
@OnCuda
class CudaParityTest {
  private static final long SEED = 20_260_803;

  /** Around widths of vectors, lanes, tiles and chunks. */
  private static final int[] SIZES = {
    0, 1, 15, 16, 17, 127, 128, 129, 4095, 4096, 4097, 65_535, 65_536, 65_537
  };

  @BeforeAll
  static void printSeed() {
    System.out.println("CudaParityTest: seed " + SEED);
  }

  /**
   * Gradients move by one float before each step, so that every alignment of a tensor meets every
   * alignment of its gradient; some are missing in between, and the learning rate changes.
   */
  @TestFactory
  Stream<DynamicTest> everyRuleSizeAndAlignmentHasTheBitsOfTheCpu() {
    List<Shape> shapes = new ArrayList<>();
    for (int size : SIZES) {
      for (int offset = 0; offset < 4; offset++) {
        shapes.add(new Shape(size, offset));
      }
    }
    return RulesUnderTest.ALL.stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () -> {
                      try (Device cpu = Device.cpu(2);
                          Device cuda = Device.cuda();
                          Twins twins =
                              new Twins(rule.builder(), shapes, 3, seed(rule), cpu, cuda)) {
                        for (int step = 0; step < 4; step++) {
                          twins.gradients(step, missing(step, shapes.size()));
                          twins.lr(step % 3, 0.01 * (step + 1));
                          twins.step();
                          twins.check("%s, step %d".formatted(rule, step + 1));
                        }
                      }
                    }));
  }

  private static long seed(RuleUnderTest rule) {
    return SEED ^ rule.name().hashCode();
  }

  /** A few tensors in the second and third step. */
  private static Set<Integer> missing(int step, int tensors) {
    Set<Integer> missing = new TreeSet<>();
    for (int i = 0; i < tensors && (step == 1 || step == 2); i++) {
      if ((i + step) % 5 == 0) {
        missing.add(i);
      }
    }
    return missing;
  }

  /** One rule of the table for each kernel. */
  private static List<RuleUnderTest> oneRuleOfEachKernel() {
    Map<String, RuleUnderTest> rules = new LinkedHashMap<>();
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      rules.putIfAbsent(rule.entry(), rule);
    }
    return List.copyOf(rules.values());
  }

  @Test
  void neitherGridNorChunkSizeNorOrderOfBlocksChangesABit() {
    Simulator simulator = CudaUnderTest.simulator();
    List<Shape> shapes =
        List.of(new Shape(40_001, 0), new Shape(3, 1), new Shape(65_537, 3), new Shape(8_192, 0));
    Set<Integer> chunkSizes = new TreeSet<>();
    int run = 0;
    for (int multiprocessors : new int[] {1, 2, 3, 132}) {
      simulator.setMultiprocessors(multiprocessors);
      chunkSizes.add(chunkElements(shapes, multiprocessors));
      for (BlockOrder order : BlockOrder.values()) {
        for (RuleUnderTest rule : oneRuleOfEachKernel()) {
          simulator.blockOrder(order, SEED + run);
          String what =
              "%s on %d multiprocessors, blocks %s, seed %d"
                  .formatted(rule, multiprocessors, order, SEED + run);
          try (Device cpu = Device.cpu(2);
              Device cuda = Device.cuda();
              Twins twins = new Twins(rule.builder(), shapes, 2, SEED, cpu, cuda)) {
            twins.gradients(run % 4, Set.of());
            twins.step();
            twins.step();
            twins.check(what);
          }
          run++;
        }
      }
    }
    assertEquals(Set.of(2_048, 4_096, 8_192), chunkSizes, "chunk sizes that were seen");
  }

  private static int chunkElements(List<Shape> shapes, int multiprocessors) {
    List<StepPlan.Tensor> tensors =
        shapes.stream().map(shape -> new StepPlan.Tensor(shape.size(), 0, 0)).toList();
    return CudaStep.chunkElements(tensors, multiprocessors * CudaModule.BLOCKS_PER_MULTIPROCESSOR);
  }

  /** Groups of one optimizer may select different kernels. */
  @Test
  void groupsWithOtherKernelsAndSettingsFollowTheCpu() {
    List<Shape> shapes = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      shapes.add(new Shape(100 + 37 * i, i % 4));
    }
    for (RuleUnderTest rule : oneRuleOfEachKernel()) {
      try (Device cpu = Device.cpu(2);
          Device cuda = Device.cuda();
          Twins twins = new Twins(rule.builder(), shapes, 5, seed(rule), cpu, cuda)) {
        for (int step = 0; step < 6; step++) {
          twins.gradients(step % 2, missing(step, shapes.size()));
          for (int group = 0; group < 5; group++) {
            twins.lr(group, 1e-3 * (1 + (group + step) % 7));
          }
          twins.change(step);
          twins.step();
        }
        twins.check(rule.name());
      }
    }
  }

  @Test
  void stateMovesFromTheCpuToCudaAndBack() {
    List<Shape> shapes = List.of(new Shape(1_000, 0), new Shape(5, 1), new Shape(20_000, 2));
    for (RuleUnderTest rule : RulesUnderTest.ALL) {
      try (Device cpu = Device.cpu(2);
          Device cuda = Device.cuda();
          Twins twins = new Twins(rule.builder(), shapes, 2, seed(rule), cpu, cuda)) {
        twins.gradients(0, Set.of(1));
        twins.step();
        StateDict fromCpu = twins.cpu().stateDict();
        twins.gradients(1, Set.of());
        twins.step();
        twins.cuda().loadStateDict(fromCpu);
        twins.cpu().loadStateDict(twins.cuda().stateDict());
        twins.check(rule + ", loaded");
        twins.gradients(2, Set.of());
        twins.step();
        twins.check(rule + ", a step later");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"panama", "jcuda"})
  void bothLaunchersHaveTheBitsOfTheCpu(String launcher) {
    List<Shape> shapes = List.of(new Shape(10_000, 0), new Shape(77, 3));
    String before = System.getProperty(CudaBackend.LAUNCHER_PROPERTY);
    System.setProperty(CudaBackend.LAUNCHER_PROPERTY, launcher);
    try (Device cpu = Device.cpu(2);
        Device cuda = Device.cuda()) {
      for (RuleUnderTest rule : oneRuleOfEachKernel()) {
        try (Twins twins = new Twins(rule.builder(), shapes, 2, seed(rule), cpu, cuda)) {
          twins.gradients(0, Set.of());
          twins.step();
          twins.lr(1, 0.5);
          twins.step();
          twins.check(rule + " by " + launcher);
        }
      }
    } finally {
      restore(before);
    }
  }

  static void restore(String launcher) {
    if (launcher == null) {
      System.clearProperty(CudaBackend.LAUNCHER_PROPERTY);
    } else {
      System.setProperty(CudaBackend.LAUNCHER_PROPERTY, launcher);
    }
  }

  /** The inputs must be worth it: most values stay finite and change. */
  @Test
  void mostValuesAreAlive() {
    try (Device cuda = Device.cuda();
        CallersMemory memory = new CallersMemory()) {
      float[] before = new float[10_000];
      float[] gradient = new float[10_000];
      SplittableRandom random = new SplittableRandom(SEED);
      for (int i = 0; i < before.length; i++) {
        before[i] = ParityInputs.any(random);
        gradient[i] = ParityInputs.any(random);
      }
      long address = memory.of(before);
      Parameter parameter =
          Parameter.ofDeviceMemory(cuda, "p", address, before.length).gradient(memory.of(gradient));
      try (Optimizer optimizer = SGD.builder().lr(0.1).build(cuda, List.of(parameter))) {
        optimizer.step();
      }
      float[] after = memory.read(address, before.length);
      int alive = 0;
      for (int i = 0; i < after.length; i++) {
        alive += Float.isFinite(after[i]) && after[i] != before[i] ? 1 : 0;
      }
      assertTrue(alive > after.length / 4, alive + " values of " + after.length + " changed");
    }
  }
}
