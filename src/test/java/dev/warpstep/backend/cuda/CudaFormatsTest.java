package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.MasterWeights;
import dev.warpstep.StepResult;
import dev.warpstep.backend.cuda.FormatTwins.Format;
import dev.warpstep.backend.cuda.StepFeatures.Feature;
import dev.warpstep.rules.RuleUnderTest;
import dev.warpstep.rules.RulesUnderTest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Tensors of every combination of types have the same bits on the CPU and a CUDA device, with
 * everything that a step does.
 */
@OnCuda
class CudaFormatsTest {
  private static final long SEED = 20_261_128;

  private static final List<DType> SINGLE = List.of(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16);

  private static final List<Format> FORMATS = formats();

  private static List<Format> formats() {
    List<Format> formats = new ArrayList<>();
    for (DType parameter : SINGLE) {
      for (DType gradient : SINGLE) {
        for (DType state : SINGLE) {
          for (MasterWeights master : MasterWeights.values()) {
            boolean half = parameter != DType.FLOAT32;
            boolean exists =
                switch (master) {
                  case NONE -> true;
                  case FLOAT32 -> half;
                  case REMAINDER -> parameter == DType.BFLOAT16;
                };
            if (exists) {
              formats.add(new Format(parameter, gradient, state, master, false));
              if (half || state != DType.FLOAT32) {
                formats.add(new Format(parameter, gradient, state, master, true));
              }
            }
          }
        }
      }
    }
    formats.add(new Format(DType.FLOAT64, DType.FLOAT64, DType.FLOAT32, MasterWeights.NONE, false));
    return List.copyOf(formats);
  }

  private static List<RuleUnderTest> oneRuleOfEachKernel() {
    Map<String, RuleUnderTest> rules = new LinkedHashMap<>();
    // The last of each has the most options.
    RulesUnderTest.ALL.forEach(rule -> rules.put(rule.entry(), rule));
    return List.copyOf(rules.values());
  }

  /** With each format every feature, and every rule. */
  @TestFactory
  Stream<DynamicTest> everyFormatWithEveryFeatureHasTheBitsOfTheCpu() {
    List<RuleUnderTest> rules = oneRuleOfEachKernel();
    List<Set<Feature>> combinations = StepFeatures.COMBINATIONS;
    assertTrue(combinations.size() >= rules.size());
    return IntStream.range(0, FORMATS.size())
        .mapToObj(
            f ->
                DynamicTest.dynamicTest(
                    FORMATS.get(f).toString(),
                    () -> {
                      try (Device cpu = Device.cpu(2);
                          Device cuda = Device.cuda()) {
                        for (int c = 0; c < combinations.size(); c++) {
                          RuleUnderTest rule = rules.get((f + c) % rules.size());
                          compare(rule, FORMATS.get(f), combinations.get(c), cpu, cuda);
                        }
                      }
                    }));
  }

  private static void compare(
      RuleUnderTest rule, Format format, Set<Feature> features, Device cpu, Device cuda) {
    try (FormatTwins twins = new FormatTwins(rule, List.of(format), SEED, cpu, cuda);
        StepFeatures onCpu = new StepFeatures(features, twins.cpu());
        StepFeatures onCuda = new StepFeatures(features, twins.cuda())) {
      for (int step = 0; step < 3; step++) {
        String what = "%s, %s, %s, step %d".formatted(rule, format, features, step + 1);
        twins.gradients(step, step != 1);
        StepResult result = twins.step(onCpu.options(), onCuda.options(), what);
        assertEquals(step == 1 && onCpu.scaler().isPresent(), result.skipped(), what);
        if (features.contains(Feature.SCALER_ALONE)) {
          onCpu.scaler().orElseThrow().update();
          onCuda.scaler().orElseThrow().update();
        }
        twins.check(what);
        onCpu
            .average()
            .ifPresent(
                average -> twins.checkAverages(average, onCuda.average().orElseThrow(), what));
      }
    }
  }

  /** Tensors of all formats in one optimizer: one launch, but for fp64, after one norm pass. */
  @Test
  void allFormatsOfOneArithmeticAreOneLaunch() {
    Simulator simulator = CudaUnderTest.simulator();
    RuleUnderTest rule = oneRuleOfEachKernel().getLast();
    List<Format> formats =
        FORMATS.stream()
            .filter(f -> f.master() == MasterWeights.NONE && !f.stochastic())
            .filter(f -> f.state() == DType.FLOAT32 && f.parameter() != DType.FLOAT64)
            .toList();
    assertEquals(9, formats.size());
    try (Device cpu = Device.cpu(2);
        Device cuda = Device.cuda();
        FormatTwins twins = new FormatTwins(rule, formats, SEED, cpu, cuda);
        StepFeatures onCpu = new StepFeatures(Set.of(Feature.NORM), twins.cpu());
        StepFeatures onCuda = new StepFeatures(Set.of(Feature.NORM), twins.cuda())) {
      for (int step = 0; step < 3; step++) {
        twins.gradients(step, true);
        long before = simulator.launches();
        twins.step(onCpu.options(), onCuda.options(), "step " + step);
        assertEquals(2, simulator.launches() - before);
        twins.check("step " + step);
      }
    }
  }

  /** Of a rule without state, too: its random numbers must change from step to step. */
  @Test
  void stochasticRoundingGoesOnWhereItStopped() {
    for (RuleUnderTest rule : oneRuleOfEachKernel()) {
      Format format =
          new Format(DType.BFLOAT16, DType.FLOAT32, DType.BFLOAT16, MasterWeights.NONE, true);
      try (Device cpu = Device.cpu(2);
          Device cuda = Device.cuda();
          FormatTwins twins = new FormatTwins(rule, List.of(format), SEED, cpu, cuda)) {
        twins.gradients(0, true);
        twins.step();
        twins.step();
        assertEquals(2, twins.cuda().stateDict().rounding().orElseThrow().steps());
        twins.cpu().loadStateDict(twins.cuda().stateDict());
        twins.cuda().loadStateDict(twins.cpu().stateDict());
        twins.step();
        twins.check(rule + " after loading");
      }
    }
  }
}
