package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.StepGraph;
import dev.warpstep.StepOptions;
import dev.warpstep.StepResult;
import dev.warpstep.backend.cuda.Simulator.BlockOrder;
import dev.warpstep.backend.cuda.StepFeatures.Feature;
import dev.warpstep.backend.cuda.Twins.Shape;
import dev.warpstep.error.DeviceException;
import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What a step does besides the update has the same bits on the CPU and a CUDA device. */
@OnCuda
class CudaFullStepTest {
  private static final long SEED = 20_261_121;

  private static final int[] SIZES = {
    0, 1, 15, 16, 17, 127, 128, 129, 1023, 1024, 1025, 8191, 8192, 8193, 65_537
  };

  private static List<Shape> shapes() {
    List<Shape> shapes = new ArrayList<>();
    for (int size : SIZES) {
      for (int offset = 0; offset < 4; offset += size > 8193 ? 3 : 1) {
        shapes.add(new Shape(size, offset));
      }
    }
    return shapes;
  }

  private static List<RuleUnderTest> oneRuleOfEachKernel() {
    Map<String, RuleUnderTest> rules = new LinkedHashMap<>();
    RulesUnderTest.ALL.forEach(rule -> rules.putIfAbsent(rule.entry(), rule));
    return List.copyOf(rules.values());
  }

  /** Some gradients are missing, and what is in them is finite, then not, then finite again. */
  @TestFactory
  Stream<DynamicTest> everyRuleWithEveryFeatureHasTheBitsOfTheCpu() {
    List<Shape> shapes = shapes();
    return oneRuleOfEachKernel().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () -> {
                      for (Set<Feature> features : StepFeatures.COMBINATIONS) {
                        compare(rule, features, shapes);
                      }
                    }));
  }

  private static void compare(RuleUnderTest rule, Set<Feature> features, List<Shape> shapes) {
    try (Device cpu = Device.cpu(2);
        Device cuda = Device.cuda();
        Twins twins = new Twins(rule.builder(), shapes, 3, SEED, cpu, cuda);
        StepFeatures onCpu = new StepFeatures(features, twins.cpu());
        StepFeatures onCuda = new StepFeatures(features, twins.cuda())) {
      boolean[] skipped = new boolean[4];
      for (int step = 0; step < skipped.length; step++) {
        String what = "%s with %s, step %d".formatted(rule, features, step + 1);
        if (step == 2) {
          twins.gradients(step, Set.of());
        } else {
          twins.finiteGradients(step, step == 1 ? Set.of(3, 20, 41) : Set.of());
        }
        StepResult result = twins.step(onCpu.options(), onCuda.options(), what);
        skipped[step] = result.skipped();
        if (features.contains(Feature.SCALER_ALONE)) {
          onCpu.scaler().orElseThrow().update();
          onCuda.scaler().orElseThrow().update();
        }
        twins.check(what);
        onCpu
            .scaler()
            .ifPresent(
                scaler -> {
                  assertEquals(scaler.scale(), onCuda.scaler().orElseThrow().scale(), what);
                  assertEquals(
                      scaler.growthTracker(), onCuda.scaler().orElseThrow().growthTracker(), what);
                });
        onCpu
            .average()
            .ifPresent(
                average -> twins.checkAverages(average, onCuda.average().orElseThrow(), what));
      }
      assertEquals(onCpu.scaler().isPresent(), skipped[2], "gradients were not finite");
      assertTrue(!skipped[0] && !skipped[1] && !skipped[3]);
    }
  }

  @Test
  void neitherGridNorOrderOfBlocksNorThreadsChangeTheNorm() {
    Simulator simulator = CudaUnderTest.simulator();
    List<Shape> shapes =
        List.of(new Shape(40_001, 0), new Shape(3, 1), new Shape(65_537, 3), new Shape(8_192, 0));
    Set<Feature> features = Set.of(Feature.NORM, Feature.EMA);
    RuleUnderTest rule = RulesUnderTest.ALL.getFirst();
    int run = 0;
    for (int multiprocessors : new int[] {1, 2, 132}) {
      simulator.setMultiprocessors(multiprocessors);
      for (BlockOrder order : BlockOrder.values()) {
        simulator.blockOrder(order, SEED + run);
        try (Device cpu = Device.cpu(1 + run % 3);
            Device cuda = Device.cuda();
            Twins twins = new Twins(rule.builder(), shapes, 2, SEED, cpu, cuda);
            StepFeatures onCpu = new StepFeatures(features, twins.cpu());
            StepFeatures onCuda = new StepFeatures(features, twins.cuda())) {
          twins.finiteGradients(run % 4, Set.of());
          String what = "%d multiprocessors, %s".formatted(multiprocessors, order);
          twins.step(onCpu.options(), onCuda.options(), what);
          twins.check(what);
        }
        run++;
      }
    }
  }

  /** Two launches for everything, one without norm and scaler; nothing is copied or waited for. */
  @Test
  void aFullStepIsTwoLaunches() {
    Simulator simulator = CudaUnderTest.simulator();
    List<Shape> shapes = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      shapes.add(new Shape(7, i % 4));
    }
    Map<Set<Feature>, Integer> launches =
        Map.of(
            Set.of(Feature.SCALER, Feature.NORM, Feature.VALUE, Feature.ZERO, Feature.EMA), 2,
            Set.of(Feature.NORM), 2,
            Set.of(Feature.SCALE, Feature.VALUE, Feature.ZERO, Feature.EMA), 1);
    launches.forEach(
        (features, expected) -> {
          try (Device cpu = Device.cpu(1);
              Device cuda = Device.cuda();
              Twins twins =
                  new Twins(RulesUnderTest.ALL.getLast().builder(), shapes, 40, SEED, cpu, cuda);
              StepFeatures side = new StepFeatures(features, twins.cuda())) {
            twins.finiteGradients(0, Set.of());
            twins.cuda().step(side.options());
            twins.cuda().step(side.options());
            for (int step = 0; step < 3; step++) {
              long before = simulator.launches();
              long copies = simulator.copies();
              long waits = simulator.synchronisations();
              twins.cuda().step(side.options());
              assertEquals(expected.longValue(), simulator.launches() - before, "" + features);
              assertEquals(0, simulator.copies() - copies, "copies with " + features);
              assertEquals(0, simulator.synchronisations() - waits, "waits with " + features);
            }
          }
        });
  }

  /** Learning rate, scale, step number and gradients change between replays. */
  @TestFactory
  Stream<DynamicTest> aReplayHasTheBitsOfAStep() {
    List<Shape> shapes =
        List.of(new Shape(9_001, 0), new Shape(3, 1), new Shape(0, 0), new Shape(8_192, 2));
    return oneRuleOfEachKernel().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () -> {
                      for (Set<Feature> features : StepFeatures.COMBINATIONS) {
                        if (!features.contains(Feature.SCALER_ALONE)) {
                          replay(rule, features, shapes);
                        }
                      }
                    }));
  }

  private static void replay(RuleUnderTest rule, Set<Feature> features, List<Shape> shapes) {
    try (Device cpu = Device.cpu(1);
        Device cuda = Device.cuda();
        Twins twins = new Twins(rule.builder(), shapes, 2, SEED, cpu, cuda);
        StepFeatures onCpu = new StepFeatures(features, twins.cpu());
        StepFeatures onCuda = new StepFeatures(features, twins.cuda())) {
      twins.finiteGradients(0, Set.of());
      try (StepGraph graph = twins.cuda().capture(onCuda.options())) {
        for (int step = 0; step < 6; step++) {
          String what = "%s with %s, replay %d".formatted(rule, features, step + 1);
          twins.lr(step % 2, 0.01 * (step + 1));
          if (step == 3) {
            twins.gradients(step, Set.of());
          } else {
            twins.finiteGradients(step, Set.of());
          }
          StepResult expected = twins.cpu().step(onCpu.options());
          StepResult actual = step == 4 ? twins.cuda().step(onCuda.options()) : graph.replay();
          assertEquals(expected.norm(), actual.norm(), what);
          assertEquals(expected.skipped(), actual.skipped(), what);
          assertEquals(expected.appliedSteps(), actual.appliedSteps(), what);
          twins.check(what);
          onCpu
              .average()
              .ifPresent(
                  average -> twins.checkAverages(average, onCuda.average().orElseThrow(), what));
        }
      }
    }
  }

  @Test
  void aReplayIsOneLaunchOfAGraphAndNothingElse() {
    Simulator simulator = CudaUnderTest.simulator();
    try (Device cuda = Device.cuda();
        Parameter parameter = Parameter.allocate(cuda, "p", 1_000);
        Optimizer optimizer =
            RulesUnderTest.ALL.getLast().builder().get().build(cuda, List.of(parameter));
        StepGraph graph = optimizer.capture(StepOptions.builder().maxNorm(1).build())) {
      assertEquals(0, simulator.launches(), "a capture does nothing");
      graph.replay();
      long graphs = simulator.graphLaunches();
      long launches = simulator.launches();
      long copies = simulator.copies();
      long waits = simulator.synchronisations();
      StepResult result = graph.replay();
      assertEquals(1, simulator.graphLaunches() - graphs);
      assertEquals(2, simulator.launches() - launches);
      assertEquals(0, simulator.copies() - copies);
      assertEquals(0, simulator.synchronisations() - waits);
      assertEquals(2, result.appliedSteps());
    }
  }

  @Test
  void aGraphThatDoesNotFitAnyMoreIsRefused() {
    try (Device cuda = Device.cuda();
        Parameter parameter = Parameter.allocate(cuda, "p", 10);
        Optimizer optimizer = SGD.builder().build(cuda, List.of(parameter))) {
      StepGraph graph = optimizer.capture(StepOptions.none());
      graph.replay();
      parameter.clearGradient();
      assertThrows(IllegalStateException.class, graph::replay);
      parameter.restoreGradient();
      assertThrows(IllegalStateException.class, graph::replay);
      graph.close();
      graph.close();
      assertThrows(IllegalStateException.class, graph::replay);
      StepOptions waits = StepOptions.builder().errorIfNonfinite(true).build();
      assertThrows(IllegalArgumentException.class, () -> optimizer.capture(waits));
      optimizer.capture(StepOptions.none()).close();
      optimizer.step();
    }
  }

  /** The stream can be used afterwards. */
  @Test
  void aCaptureThatFailsLeavesTheStreamAsItWas() {
    Simulator simulator = CudaUnderTest.simulator();
    for (String call :
        List.of(
            "cuStreamBeginCapture",
            "cuLaunchKernel",
            "cuStreamEndCapture",
            "cuGraphInstantiateWithFlags")) {
      try (Device cuda = Device.cuda();
          Parameter parameter = Parameter.allocate(cuda, "p", 10);
          Optimizer optimizer = SGD.builder().build(cuda, List.of(parameter))) {
        optimizer.step();
        simulator.failCall(Optional.of(call), 1, CUresult.CUDA_ERROR_INVALID_VALUE, false);
        assertThrows(DeviceException.class, () -> optimizer.capture(StepOptions.none()), call);
        optimizer.step();
        parameter.toArray();
      }
    }
  }
}
