package dev.warpstep;

import dev.warpstep.backend.NormSettings;
import dev.warpstep.backend.Verdict;
import java.util.Objects;
import java.util.Optional;

/**
 * What a step does besides the update, in the same pass over memory: divide gradients by a scale,
 * clip them, average the parameters, zero the gradients.
 *
 * <pre>
 *   norm        = |gradients| / scale                     over all parameters of the optimizer
 *   coefficient = min(1, maxNorm / (norm + 1e-6))         as torch.nn.utils.clip_grad_norm_
 *   g           = gradient · coefficient / scale
 *   g           = clamp(g, -clipValue, clipValue)         as torch.nn.utils.clip_grad_value_
 *   update with g; average; gradient = 0
 * </pre>
 *
 * <p>Gradients themselves are only read, or zeroed: after a step without {@link Builder#zeroGrad}
 * they still are scaled and not clipped. A norm or a {@link GradScaler} costs one more read of the
 * gradients, and on CUDA one more launch; everything else is free of both.
 *
 * <p>Immutable; to be built once and used for many steps.
 */
public final class StepOptions {
  private static final StepOptions NONE = builder().build();

  private final double maxNorm;
  private final NormType normType;
  private final boolean errorIfNonfinite;
  private final double clipValue;
  private final double gradientScale;
  private final Optional<GradScaler> gradScaler;
  private final boolean updateScaler;
  private final boolean zeroGrad;
  private final Optional<AveragedParameters> average;
  private final boolean statistics;
  private final Verdict verdict;
  private final Optional<NormSettings> norm;

  private StepOptions(Builder builder) {
    maxNorm = builder.maxNorm;
    normType = builder.normType;
    errorIfNonfinite = builder.errorIfNonfinite;
    clipValue = builder.clipValue;
    gradientScale = builder.gradientScale;
    gradScaler = builder.gradScaler;
    updateScaler = builder.updateScaler;
    zeroGrad = builder.zeroGrad;
    average = builder.average;
    statistics = builder.statistics;
    verdict = new Verdict(1 / gradientScale, clipValue, zeroGrad, Double.NaN);
    norm = builder.measures ? Optional.of(normSettings()) : Optional.empty();
  }

  private NormSettings normSettings() {
    return new NormSettings(
        normType == NormType.INFINITY,
        maxNorm,
        gradientScale,
        gradScaler.map(scaler -> scaler.state().struct()),
        updateScaler,
        average.map(average -> average.state().struct()),
        clipValue,
        errorIfNonfinite || gradScaler.isPresent(),
        zeroGrad);
  }

  /** An update and nothing else, as {@link Optimizer#step()}. */
  public static StepOptions none() {
    return NONE;
  }

  /** Options of an update and nothing else, to be added to. */
  public static Builder builder() {
    return new Builder();
  }

  Optional<GradScaler> gradScaler() {
    return gradScaler;
  }

  boolean updatesScaler() {
    return updateScaler;
  }

  Optional<AveragedParameters> average() {
    return average;
  }

  boolean statistics() {
    return statistics;
  }

  boolean failsOnNonfinite() {
    return errorIfNonfinite;
  }

  double gradientScale() {
    return gradientScale;
  }

  /** Without averaging, and without a norm pass. */
  Verdict verdict() {
    return verdict;
  }

  /** What a norm pass is to do, if there is one. */
  Optional<NormSettings> norm() {
    return norm;
  }

  @Override
  public String toString() {
    return "StepOptions[maxNorm=%s, normType=%s, clipValue=%s, %s, zeroGrad=%s, average=%s, statistics=%s]"
        .formatted(
            maxNorm,
            normType,
            clipValue,
            gradScaler.map(GradScaler::toString).orElse("gradientScale=" + gradientScale),
            zeroGrad,
            average.isPresent(),
            statistics);
  }

  /** Options to be built. */
  public static final class Builder {
    private double maxNorm = Double.POSITIVE_INFINITY;
    private NormType normType = NormType.TWO;
    private boolean measures;
    private boolean errorIfNonfinite;
    private double clipValue = Double.POSITIVE_INFINITY;
    private double gradientScale = 1;
    private Optional<GradScaler> gradScaler = Optional.empty();
    private boolean updateScaler = true;
    private boolean zeroGrad;
    private Optional<AveragedParameters> average = Optional.empty();
    private boolean statistics;

    private Builder() {}

    /**
     * Clips the gradients' 2-norm.
     *
     * @throws IllegalArgumentException if {@code maxNorm} is negative or NaN
     * @see #maxNorm(double, NormType)
     */
    public Builder maxNorm(double maxNorm) {
      return maxNorm(maxNorm, NormType.TWO);
    }

    /**
     * Scales all gradients down together when their norm is larger.
     *
     * @param maxNorm at least 0; infinity measures the norm and clips nothing
     * @throws IllegalArgumentException if {@code maxNorm} is negative or NaN
     */
    public Builder maxNorm(double maxNorm, NormType normType) {
      if (!(maxNorm >= 0)) {
        throw new IllegalArgumentException("maxNorm must be at least 0, was " + maxNorm);
      }
      this.maxNorm = maxNorm;
      this.normType = Objects.requireNonNull(normType, "normType");
      this.measures = true;
      return this;
    }

    /**
     * Whether a norm that is infinite or NaN is an error: {@link Optimizer#step(StepOptions)} then
     * waits for the norm, updates nothing and throws. Otherwise an infinite norm clips every finite
     * gradient to zero, and a NaN spreads, as in PyTorch.
     */
    public Builder errorIfNonfinite(boolean errorIfNonfinite) {
      this.errorIfNonfinite = errorIfNonfinite;
      this.measures |= errorIfNonfinite;
      return this;
    }

    /**
     * Cuts each element of the gradients.
     *
     * @param clipValue largest magnitude, at least 0
     * @throws IllegalArgumentException if it is negative or NaN
     */
    public Builder clipValue(double clipValue) {
      if (!(clipValue >= 0)) {
        throw new IllegalArgumentException("clipValue must be at least 0, was " + clipValue);
      }
      this.clipValue = clipValue;
      return this;
    }

    /**
     * What the loss was multiplied by, and gradients therefore are divided by.
     *
     * @param gradientScale positive and finite, and its reciprocal representable in fp32
     * @throws IllegalArgumentException if it is not
     */
    public Builder gradientScale(double gradientScale) {
      float reciprocal = (float) (1 / gradientScale);
      if (!(gradientScale > 0) || reciprocal == 0 || Float.isInfinite(reciprocal)) {
        throw new IllegalArgumentException(
            "gradientScale must be positive and its reciprocal representable in fp32, was "
                + gradientScale);
      }
      this.gradientScale = gradientScale;
      return this;
    }

    /**
     * Divides gradients by the scaler's scale, skips the step if one of them is infinite or NaN,
     * and updates the scale, all in the step.
     *
     * @see #gradScaler(GradScaler, boolean)
     */
    public Builder gradScaler(GradScaler gradScaler) {
      return gradScaler(gradScaler, true);
    }

    /**
     * Divides gradients by the scaler's scale, and skips the step if one of them is infinite or
     * NaN.
     *
     * @param update whether the step updates the scale, too. When several optimizers share the
     *     scaler, none does, and {@link GradScaler#update()} follows them
     */
    public Builder gradScaler(GradScaler gradScaler, boolean update) {
      this.gradScaler = Optional.of(gradScaler);
      this.updateScaler = update;
      this.measures = true;
      return this;
    }

    /**
     * Whether the gradients' memory is filled with zeros after the update, also if it was skipped.
     */
    public Builder zeroGrad(boolean zeroGrad) {
      this.zeroGrad = zeroGrad;
      return this;
    }

    /** Updates an average of the parameters, unless the step is skipped. */
    public Builder average(AveragedParameters average) {
      this.average = Optional.of(average);
      return this;
    }

    /**
     * Whether to sum up, in the same pass, what the step does to each group: {@link
     * StepResult#statistics}. Costs no traffic to memory, but some arithmetic in double; meant for
     * some of the steps.
     */
    public Builder statistics(boolean statistics) {
      this.statistics = statistics;
      return this;
    }

    /**
     * The options.
     *
     * @throws IllegalArgumentException if there are both a fixed and a dynamic scale, or a
     *     non-finite norm is to be an error though the scaler skips such steps
     */
    public StepOptions build() {
      if (gradScaler.isPresent() && errorIfNonfinite) {
        throw new IllegalArgumentException(
            "errorIfNonfinite must be false with a gradScaler, which skips such steps, was true");
      }
      if (gradScaler.isPresent() && gradientScale != 1) {
        throw new IllegalArgumentException(
            "gradients are unscaled once: there must be gradientScale or gradScaler, there were"
                + " both");
      }
      return new StepOptions(this);
    }
  }
}
