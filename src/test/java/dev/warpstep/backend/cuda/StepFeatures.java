package dev.warpstep.backend.cuda;

import dev.warpstep.AveragedParameters;
import dev.warpstep.GradScaler;
import dev.warpstep.NormType;
import dev.warpstep.Optimizer;
import dev.warpstep.StepOptions;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What a step does besides the update: the options of one optimizer, with what they need. */
final class StepFeatures implements AutoCloseable {
  /** What can be asked for, alone and together. */
  enum Feature {
    SCALE,
    NORM,
    INFINITY_NORM,
    VALUE,
    ZERO,
    EMA,
    SWA,
    SCALER,
    SCALER_ALONE,
    STATISTICS
  }

  static final List<Set<Feature>> COMBINATIONS =
      List.of(
          Set.of(Feature.SCALE),
          Set.of(Feature.NORM),
          Set.of(Feature.INFINITY_NORM, Feature.SCALE),
          Set.of(Feature.VALUE),
          Set.of(Feature.ZERO),
          Set.of(Feature.EMA),
          Set.of(Feature.SWA, Feature.SCALE, Feature.VALUE),
          Set.of(Feature.SCALER),
          Set.of(Feature.SCALER_ALONE, Feature.SWA, Feature.NORM),
          Set.of(Feature.STATISTICS),
          Set.of(
              Feature.SCALER,
              Feature.NORM,
              Feature.VALUE,
              Feature.ZERO,
              Feature.EMA,
              Feature.STATISTICS));

  private final Optional<GradScaler> scaler;
  private final Optional<AveragedParameters> average;
  private final StepOptions options;

  StepFeatures(Set<Feature> features, Optimizer optimizer) {
    StepOptions.Builder builder = StepOptions.builder();
    boolean dynamic = features.contains(Feature.SCALER);
    boolean alone = features.contains(Feature.SCALER_ALONE);
    scaler =
        dynamic || alone
            ? Optional.of(
                GradScaler.builder().initScale(24).growthInterval(2).build(optimizer.device()))
            : Optional.empty();
    scaler.ifPresent(s -> builder.gradScaler(s, dynamic));
    average =
        features.contains(Feature.EMA)
            ? Optional.of(AveragedParameters.ema(optimizer, 0.9))
            : features.contains(Feature.SWA)
                ? Optional.of(AveragedParameters.swa(optimizer))
                : Optional.empty();
    average.ifPresent(builder::average);
    if (features.contains(Feature.SCALE)) {
      builder.gradientScale(3);
    }
    if (features.contains(Feature.NORM)) {
      builder.maxNorm(0.7);
    }
    if (features.contains(Feature.INFINITY_NORM)) {
      builder.maxNorm(0.7, NormType.INFINITY);
    }
    if (features.contains(Feature.VALUE)) {
      builder.clipValue(0.01);
    }
    builder.statistics(features.contains(Feature.STATISTICS));
    options = builder.zeroGrad(features.contains(Feature.ZERO)).build();
  }

  Optional<GradScaler> scaler() {
    return scaler;
  }

  Optional<AveragedParameters> average() {
    return average;
  }

  StepOptions options() {
    return options;
  }

  @Override
  public void close() {
    average.ifPresent(AveragedParameters::close);
    scaler.ifPresent(GradScaler::close);
  }
}
