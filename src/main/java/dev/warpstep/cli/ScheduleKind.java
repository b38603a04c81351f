package dev.warpstep.cli;

import dev.warpstep.Optimizer;
import dev.warpstep.lr.AnnealStrategy;
import dev.warpstep.lr.ConstantLR;
import dev.warpstep.lr.CosineAnnealingLR;
import dev.warpstep.lr.CosineAnnealingWarmRestarts;
import dev.warpstep.lr.CyclicLR;
import dev.warpstep.lr.ExponentialLR;
import dev.warpstep.lr.LRScheduler;
import dev.warpstep.lr.LambdaLR;
import dev.warpstep.lr.LinearLR;
import dev.warpstep.lr.MultiStepLR;
import dev.warpstep.lr.MultiplicativeLR;
import dev.warpstep.lr.OneCycleLR;
import dev.warpstep.lr.PolynomialLR;
import dev.warpstep.lr.ReduceLROnPlateau;
import dev.warpstep.lr.SWALR;
import dev.warpstep.lr.StepLR;
import dev.warpstep.lr.Warmup;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.LongToDoubleFunction;

/** Schedules by name, made of settings by PyTorch's names. */
@SuppressWarnings("ImmutableEnumChecker") // its functions have no state
enum ScheduleKind {
  STEP((of, set) -> new StepLR(of, set.whole("step_size"), set.real("gamma", 0.1))),
  MULTI_STEP((of, set) -> new MultiStepLR(of, set.real("gamma", 0.1), set.allWhole("milestones"))),
  CONSTANT(
      (of, set) -> new ConstantLR(of, set.real("factor", 1.0 / 3), set.whole("total_iters", 5))),
  LINEAR(
      (of, set) ->
          new LinearLR(
              of,
              set.real("start_factor", 1.0 / 3),
              set.real("end_factor", 1),
              set.whole("total_iters", 5))),
  EXPONENTIAL((of, set) -> new ExponentialLR(of, set.real("gamma"))),
  POLYNOMIAL((of, set) -> new PolynomialLR(of, set.whole("total_iters", 5), set.real("power", 1))),
  COSINE_ANNEALING(
      (of, set) -> new CosineAnnealingLR(of, set.whole("t_max"), set.real("eta_min", 0))),
  COSINE_ANNEALING_WARM_RESTARTS(
      (of, set) ->
          new CosineAnnealingWarmRestarts(
              of, set.whole("t_0"), set.whole("t_mult", 1), set.real("eta_min", 0))),
  CYCLIC(
      (of, set) -> {
        long up = set.whole("step_size_up", 2000);
        return CyclicLR.builder(of)
            .baseLr(set.real("base_lr"))
            .maxLr(set.real("max_lr"))
            .stepSizeUp(up)
            .stepSizeDown(set.whole("step_size_down", up))
            .mode(set.constant("mode", CyclicLR.Mode.TRIANGULAR), set.real("gamma", 1))
            .build();
      }),
  ONE_CYCLE(
      (of, set) ->
          OneCycleLR.builder(of, set.whole("total_steps"), set.real("max_lr"))
              .pctStart(set.real("pct_start", 0.3))
              .annealStrategy(set.constant("anneal_strategy", AnnealStrategy.COS))
              .divFactor(set.real("div_factor", 25))
              .finalDivFactor(set.real("final_div_factor", 1e4))
              .threePhase(set.whole("three_phase", 0) != 0)
              .build()),
  SWA(
      (of, set) ->
          new SWALR(
              of,
              set.whole("anneal_epochs", 10),
              set.constant("anneal_strategy", AnnealStrategy.COS),
              set.real("swa_lr"))),
  LAMBDA((of, set) -> new LambdaLR(of, listed(set.allReal("factors")))),
  MULTIPLICATIVE(
      (of, set) -> {
        LongToDoubleFunction factors = listed(set.allReal("factors"));
        return new MultiplicativeLR(of, epoch -> factors.applyAsDouble(Math.max(0, epoch - 1)));
      }),
  REDUCE_ON_PLATEAU(ScheduleKind::plateau),
  WARMUP_COSINE(
      (of, set) -> Warmup.cosine(of, set.whole("warmup_epochs"), set.whole("total_epochs")));

  private final BiFunction<Optimizer, ScheduleSettings, LRScheduler> make;

  ScheduleKind(BiFunction<Optimizer, ScheduleSettings, LRScheduler> make) {
    this.make = make;
  }

  /** Its name on the command line. */
  String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  static List<String> keys() {
    return Arrays.stream(values()).map(ScheduleKind::key).toList();
  }

  /**
   * @throws IllegalArgumentException if there is none of that name
   */
  static ScheduleKind ofKey(String key) {
    return Arrays.stream(values())
        .filter(kind -> kind.key().equals(key))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "schedule must be one of %s, was %s"
                        .formatted(String.join(", ", keys()), key)));
  }

  /**
   * @throws IllegalArgumentException if a setting is missing, foreign, or out of range
   */
  LRScheduler make(Optimizer optimizer, ScheduleSettings settings) {
    LRScheduler schedule = make.apply(optimizer, settings);
    settings.checkUsed();
    return schedule;
  }

  private static ReduceLROnPlateau plateau(Optimizer of, ScheduleSettings set) {
    return ReduceLROnPlateau.builder(of)
        .mode(set.constant("mode", ReduceLROnPlateau.Mode.MIN))
        .factor(set.real("factor", 0.1))
        .patience(set.whole("patience", 10))
        .threshold(
            set.real("threshold", 1e-4),
            set.constant("threshold_mode", ReduceLROnPlateau.ThresholdMode.REL))
        .cooldown(set.whole("cooldown", 0))
        .minLr(set.real("min_lr", 0))
        .eps(set.real("eps", 1e-8))
        .build();
  }

  /** The number of an index, and beyond the last the last. */
  private static LongToDoubleFunction listed(double[] numbers) {
    return index -> numbers[(int) Math.min(index, numbers.length - 1)];
  }
}
