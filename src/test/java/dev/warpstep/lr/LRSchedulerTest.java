package dev.warpstep.lr;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Adam;
import dev.warpstep.Device;
import dev.warpstep.GradScaler;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.StepOptions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What all schedules have in common, as a caller sees it. */
class LRSchedulerTest {
  private Device device;
  private float[] gradient;
  private SGD sgd;

  @BeforeEach
  void open() {
    device = Device.cpu(1);
    gradient = new float[] {1};
    sgd =
        SGD.builder()
            .lr(0.5)
            .momentum(0.9)
            .build(
                device,
                ParamGroup.of(Parameter.of("a", new float[1]).gradient(gradient)),
                ParamGroup.of(Parameter.of("b", new float[1])).lr(0.25));
  }

  @AfterEach
  void close() {
    sgd.close();
    device.close();
  }

  private List<Double> lrs() {
    return sgd.paramGroups().stream().map(ParamGroup::lr).toList();
  }

  @Test
  void theConstructorAppliesEpochZero() {
    ConstantLR schedule = new ConstantLR(sgd, 0.5, 2);
    assertEquals(List.of(0.25, 0.125), lrs());
    assertEquals(0, schedule.lastEpoch());
    assertEquals(lrs(), schedule.getLastLr());
    assertEquals(OptionalDouble.of(0.5), sgd.paramGroups().getFirst().initialLr());
  }

  @Test
  void aSecondScheduleStartsFromTheInitialLearningRate() {
    new ExponentialLR(sgd, 0.5).step();
    assertEquals(List.of(0.25, 0.125), lrs());
    new LambdaLR(sgd, epoch -> 1);
    assertEquals(List.of(0.5, 0.25), lrs());
  }

  @Test
  void anOptimizerTakesTheValueAtItsNextStep() {
    float[] values = {0};
    Parameter parameter = Parameter.of("p", values).gradient(new float[] {1});
    try (SGD plain = SGD.builder().lr(1).build(device, List.of(parameter))) {
      LRScheduler schedule = new ExponentialLR(plain, 0.5);
      plain.step();
      schedule.step();
      plain.step();
      assertEquals(-1.5f, values[0]);
    }
  }

  @Test
  void aChangeByHandStays() {
    LRScheduler schedule = new StepLR(sgd, 2, 0.5);
    sgd.paramGroups().getFirst().lr(3);
    schedule.step();
    assertEquals(List.of(3.0, 0.25), lrs());
    schedule.step();
    assertEquals(List.of(1.5, 0.125), lrs());
  }

  @Test
  void schedulesSteppedOneAfterAnotherMultiply() {
    LRScheduler first = new ConstantLR(sgd, 0.5, 3);
    LRScheduler second = new ExponentialLR(sgd, 0.5);
    assertEquals(List.of(0.25, 0.125), lrs());
    for (int epoch = 1; epoch <= 3; epoch++) {
      first.step();
      second.step();
    }
    assertEquals(List.of(0.5 / 8, 0.25 / 8), lrs());
  }

  @Test
  void aSkippedStepDoesNotAdvance() {
    LRScheduler schedule = new ExponentialLR(sgd, 0.5);
    try (GradScaler scaler = GradScaler.builder().initScale(4).build(device)) {
      StepOptions options = StepOptions.builder().gradScaler(scaler).build();
      gradient[0] = Float.POSITIVE_INFINITY;
      schedule.step(sgd.step(options));
      assertEquals(0, schedule.lastEpoch());
      gradient[0] = 1;
      schedule.step(sgd.step(options));
      assertEquals(1, schedule.lastEpoch());
      schedule.step(sgd.step(StepOptions.none()));
      assertEquals(List.of(0.125, 0.0625), lrs());
    }
  }

  @Test
  void aValueThatIsRefusedChangesNothing() {
    LRScheduler schedule =
        new LambdaLR(sgd, epoch -> 1 / (1.0 + epoch), epoch -> epoch == 2 ? Double.NaN : 1);
    schedule.step();
    List<Double> before = lrs();
    Exception thrown = assertThrows(IllegalArgumentException.class, schedule::step);
    assertTrue(
        thrown.getMessage().startsWith("LambdaLR at epoch 2, group 1: SGD: lr must be"),
        thrown::getMessage);
    assertEquals(before, lrs());
    assertEquals(1, schedule.lastEpoch());
  }

  @Test
  void aChainThatFailsInTheMiddleChangesNothing() {
    LRScheduler chain =
        new ChainedScheduler(
            sgd, List.of(new ExponentialLR(sgd, 0.5), new MultiplicativeLR(sgd, epoch -> -1)));
    SchedulerState before = chain.stateDict();
    assertThrows(IllegalArgumentException.class, chain::step);
    assertEquals(before, chain.stateDict());
    assertEquals(List.of(0.5, 0.25), lrs());
  }

  @Test
  void aScheduleThatIsRefusedLeavesNoInitialLearningRate() {
    assertThrows(IllegalArgumentException.class, () -> new StepLR(sgd, 0));
    assertThrows(IllegalArgumentException.class, () -> new LambdaLR(sgd, epoch -> -1));
    assertEquals(OptionalDouble.empty(), sgd.paramGroups().getFirst().initialLr());
    assertEquals(List.of(0.5, 0.25), lrs());
  }

  @Test
  void aGroupAddedLaterIsRefused() {
    LRScheduler schedule = new StepLR(sgd, 1);
    sgd.addParamGroup(ParamGroup.of(Parameter.of("c", new float[1])));
    Exception thrown = assertThrows(IllegalStateException.class, schedule::step);
    assertEquals(
        "StepLR: the optimizer must have the 2 param groups the schedule was made for, had 3",
        thrown.getMessage());
  }

  @Test
  void aClosedOptimizerIsRefused() {
    LRScheduler schedule = new StepLR(sgd, 1);
    sgd.close();
    assertThrows(IllegalStateException.class, schedule::step);
    assertEquals(0, schedule.lastEpoch());
  }

  @Test
  void aCycleEndsWithItsLastStepAndIsNotSteppedFurther() {
    OneCycleLR schedule =
        OneCycleLR.builder(sgd, 10, 0.1).annealStrategy(AnnealStrategy.LINEAR).build();
    for (int step = 0; step < 9; step++) {
      schedule.step();
    }
    List<Double> end = lrs();
    assertEquals(0.1 / 25 / 1e4, end.getFirst(), Math.ulp(0.1));
    schedule.step();
    assertEquals(end, lrs());
    assertThrows(IllegalStateException.class, schedule::step);
  }

  @Test
  void sequencesNest() {
    LRScheduler inner =
        new SequentialLR(sgd, List.of(new ConstantLR(sgd, 0.5, 9), new ConstantLR(sgd, 0.1, 9)), 2);
    LRScheduler outer = Warmup.linear(0.25, 3, inner);
    List<Double> lrs = new ArrayList<>();
    for (int epoch = 0; epoch < 7; epoch++) {
      lrs.add(sgd.paramGroups().getFirst().lr());
      outer.step();
    }
    assertEquals(List.of(0.125, 0.25, 0.375, 0.25, 0.25, 0.05, 0.05), lrs);
  }

  @Test
  void anEpochThatIsNoneIsRefusedAndChangesNothing() {
    CosineAnnealingWarmRestarts schedule = new CosineAnnealingWarmRestarts(sgd, 4, 2, 0);
    schedule.step(5.5);
    SchedulerState before = schedule.stateDict();
    for (double epoch : new double[] {-0.1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThrows(IllegalArgumentException.class, () -> schedule.step(epoch));
    }
    for (SchedulerState bad :
        List.of(with(before, "T_i", 12.0), with(before, "T_i", 0.0), with(before, "T_cur", -1.0))) {
      assertThrows(IllegalArgumentException.class, () -> schedule.loadStateDict(bad));
    }
    assertEquals(before, schedule.stateDict());
    assertEquals(List.of(1.5), before.values().get("T_cur"));
    assertEquals(List.of(8.0), before.values().get("T_i"));
  }

  @Test
  void aPlateauNeedsAMetric() {
    LRScheduler schedule = ReduceLROnPlateau.builder(sgd).build();
    assertThrows(UnsupportedOperationException.class, schedule::step);
  }

  private static Arguments bad(String message, Consumer<Optimizer> make) {
    return Arguments.of(message, make);
  }

  static Stream<Arguments> badArguments() {
    double nan = Double.NaN;
    return Stream.of(
        bad("StepLR: stepSize must be positive, was 0", of -> new StepLR(of, 0)),
        bad("StepLR: gamma must be in [0, 3.4e38], was NaN", of -> new StepLR(of, 1, nan)),
        bad("MultiStepLR: gamma must be in [0, 3.4e38], was -1.0", of -> new MultiStepLR(of, -1)),
        bad("ConstantLR: factor must be in [0, 1], was 1.5", of -> new ConstantLR(of, 1.5, 1)),
        bad("ConstantLR: totalIters must be positive, was 0", of -> new ConstantLR(of, 1, 0)),
        bad("LinearLR: startFactor must be in (0, 1], was 0.0", of -> new LinearLR(of, 0, 1, 1)),
        bad("LinearLR: endFactor must be in [0, 1], was 2.0", of -> new LinearLR(of, 1, 2, 1)),
        bad("LinearLR: totalIters must be positive, was -1", of -> new LinearLR(of, 1, 1, -1)),
        bad("ExponentialLR: gamma must be", of -> new ExponentialLR(of, nan)),
        bad("PolynomialLR: totalIters must be positive", of -> new PolynomialLR(of, 0, 1)),
        bad("PolynomialLR: power must be", of -> new PolynomialLR(of, 1, -1)),
        bad("CosineAnnealingLR: tMax must be positive, was 0", of -> new CosineAnnealingLR(of, 0)),
        bad("CosineAnnealingLR: etaMin must be", of -> new CosineAnnealingLR(of, 1, -1)),
        bad(
            "CosineAnnealingWarmRestarts: t0 must be positive, was 0",
            of -> new CosineAnnealingWarmRestarts(of, 0)),
        bad(
            "CosineAnnealingWarmRestarts: tMult must be positive, was 0",
            of -> new CosineAnnealingWarmRestarts(of, 1, 0, 0)),
        bad(
            "LambdaLR: lrLambdas must be one value or one for each of the 2 param groups, was 3",
            of -> new LambdaLR(of, epoch -> 1, epoch -> 1, epoch -> 1)),
        bad("MultiplicativeLR: lrLambdas must be one", of -> new MultiplicativeLR(of)),
        bad("SWALR: annealEpochs must be at least 0", of -> new SWALR(of, -1, AnnealStrategy.COS)),
        bad("SWALR: swaLrs must be one value", of -> new SWALR(of, 1, AnnealStrategy.COS)),
        bad("SWALR: swaLrs must be in [0, 3.4e38], was -1.0", of -> new SWALR(of, -1)),
        bad("CyclicLR: baseLr must be one value", of -> CyclicLR.builder(of).build()),
        bad("CyclicLR: maxLr must be in", of -> CyclicLR.builder(of).baseLr(0).maxLr(nan).build()),
        bad("CyclicLR: stepSizeUp must be", of -> CyclicLR.builder(of).stepSizeUp(0)),
        bad("CyclicLR: stepSizeDown must be", of -> CyclicLR.builder(of).stepSizeDown(-1)),
        bad(
            "CyclicLR: gamma must be",
            of -> CyclicLR.builder(of).mode(CyclicLR.Mode.EXP_RANGE, -1)),
        bad("OneCycleLR: totalSteps must be positive", of -> OneCycleLR.builder(of, 0, 1)),
        bad(
            "OneCycleLR: pctStart must be in [0, 1]",
            of -> OneCycleLR.builder(of, 9, 1).pctStart(2)),
        bad("OneCycleLR: divFactor must be", of -> OneCycleLR.builder(of, 9, 1).divFactor(0)),
        bad(
            "OneCycleLR: finalDivFactor must be",
            of -> OneCycleLR.builder(of, 9, 1).finalDivFactor(nan)),
        bad(
            "OneCycleLR: pctStart·totalSteps must be other than 1, was 1.0",
            of -> OneCycleLR.builder(of, 10, 1).pctStart(0.1).build()),
        bad(
            "OneCycleLR: baseMomentum must be in",
            of -> OneCycleLR.builder(of, 9, 1).baseMomentum(-1).build()),
        bad("ReduceLROnPlateau: factor must be", of -> ReduceLROnPlateau.builder(of).factor(1)),
        bad("ReduceLROnPlateau: patience must", of -> ReduceLROnPlateau.builder(of).patience(-1)),
        bad("ReduceLROnPlateau: cooldown must", of -> ReduceLROnPlateau.builder(of).cooldown(-1)),
        bad("ReduceLROnPlateau: eps must be", of -> ReduceLROnPlateau.builder(of).eps(nan)),
        bad(
            "ReduceLROnPlateau: minLr must be one value",
            of -> ReduceLROnPlateau.builder(of).minLr(1, 2, 3).build()),
        bad("SequentialLR: schedulers must be at least one", of -> new SequentialLR(of, List.of())),
        bad(
            "SequentialLR: milestones must be 0, one fewer than schedulers, was 1",
            of -> new SequentialLR(of, List.of(new StepLR(of, 1)), 3)),
        bad(
            "SequentialLR: milestones must be at least 0 and in ascending order, was [4, 3]",
            of ->
                new SequentialLR(
                    of, List.of(new StepLR(of, 1), new StepLR(of, 1), new StepLR(of, 1)), 4, 3)),
        bad(
            "SequentialLR: schedulers must be without ReduceLROnPlateau",
            of -> new SequentialLR(of, List.of(ReduceLROnPlateau.builder(of).build()))),
        bad(
            "ChainedScheduler: schedulers must be at least one, was none",
            of -> new ChainedScheduler(of, List.of())),
        bad("Warmup.cosine: warmupEpochs must be", of -> Warmup.cosine(of, -1, 2)),
        bad(
            "Warmup.cosine: totalEpochs must be more than the 5 of the warmup, was 5",
            of -> Warmup.cosine(of, 5, 5)));
  }

  @ParameterizedTest
  @MethodSource("badArguments")
  void explainsBadArguments(String message, Consumer<Optimizer> make) {
    Exception thrown = assertThrows(IllegalArgumentException.class, () -> make.accept(sgd));
    assertTrue(thrown.getMessage().startsWith(message), thrown::getMessage);
  }

  @Test
  void schedulesOfAnotherOptimizerAreRefused() {
    try (Adam adam = Adam.builder().build(device, List.of(Parameter.of("x", new float[1])))) {
      LRScheduler other = new StepLR(adam, 1);
      assertThrows(IllegalArgumentException.class, () -> new ChainedScheduler(sgd, List.of(other)));
      Exception thrown =
          assertThrows(
              IllegalArgumentException.class,
              () -> OneCycleLR.builder(adam, 9, 1).maxMomentum(1).build());
      assertEquals(
          "OneCycleLR: maxMomentum must be below 1 to cycle beta1, was 1.0", thrown.getMessage());
    }
  }

  private static SchedulerState with(SchedulerState state, String name, Double... numbers) {
    Map<String, List<Double>> values = new HashMap<>(state.values());
    values.put(name, List.of(numbers));
    return new SchedulerState(state.scheduler(), values, state.schedulers());
  }

  @Test
  void aStateThatDoesNotFitChangesNothing() {
    LRScheduler schedule = CyclicLR.builder(sgd).baseLr(0.1).maxLr(1).build();
    schedule.step();
    SchedulerState good = schedule.stateDict();
    schedule.step();
    SchedulerState before = schedule.stateDict();
    for (SchedulerState state :
        List.of(
            new SchedulerState("StepLR", good.values(), List.of()),
            new SchedulerState("CyclicLR", good.values(), List.of(good)),
            new SchedulerState("CyclicLR", Map.of(), List.of()),
            with(good, "foreign", 1.0),
            with(good, "last_epoch", 1.5),
            with(good, "last_epoch", -1.0),
            with(good, "lr", 0.1),
            with(good, "lr", 0.1, Double.NaN),
            with(good, "base_lrs", 0.1, 0.1, 0.1),
            with(good, "_last_lr", 0.1, -1.0),
            with(good, "momentum", 0.1, Double.POSITIVE_INFINITY))) {
      Exception thrown =
          assertThrows(IllegalArgumentException.class, () -> schedule.loadStateDict(state));
      assertTrue(thrown.getMessage().startsWith("CyclicLR: the state "), thrown::getMessage);
      assertEquals(before, schedule.stateDict());
      assertEquals(
          before.numbers("momentum")[1], sgd.paramGroups().getLast().get(HyperParameter.MOMENTUM));
    }
    schedule.loadStateDict(good);
    assertEquals(good, schedule.stateDict());
  }
}
