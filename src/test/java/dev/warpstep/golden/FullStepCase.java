package dev.warpstep.golden;

import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenCase.Missing;
import dev.warpstep.golden.GoldenCase.Options;
import dev.warpstep.golden.GoldenCase.Sums;
import dev.warpstep.golden.GoldenCase.Tensor;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * A trajectory of a PyTorch optimizer with what a training loop does around its step: unscaling,
 * clipping, skipping, averaging.
 *
 * @param name unique among the cases of a dtype
 * @param optimizer the class in {@code torch.optim}: SGD, RMSprop, Adam or AdamW
 * @param dtype of the parameters, their gradients and their averages
 * @param inputs where initial parameters and gradients come from
 * @param gradient which gradient
 * @param exponents powers of two, one per step and over again: the gradient is times that power
 * @param groups param groups in order, each with the options the case sets
 * @param tensors in the order of the groups
 * @param missing steps in which a tensor has no gradient
 * @param injections elements of gradients that are replaced
 * @param around what happens to the gradients around the step
 * @param scaler the arguments of {@code GradScaler}, if there is one
 * @param average the average that is kept, if there is one
 * @param steps what was recorded of each step, the first is step 1
 * @param snapshots what was recorded after some steps, in their order; the last is after the last
 */
public record FullStepCase(
    String name,
    String optimizer,
    Dtype dtype,
    GoldenInputs inputs,
    GoldenInputs.Gradient gradient,
    List<Integer> exponents,
    List<Options> groups,
    List<Tensor> tensors,
    List<Missing> missing,
    List<Injection> injections,
    Around around,
    Optional<Scaler> scaler,
    Optional<Average> average,
    List<Step> steps,
    List<Snapshot> snapshots) {

  private static final int LARGEST_WHOLE = 24;
  private static final int SAMPLED_END = 4;
  private static final int TILE = 8192;

  /** An element of a tensor's gradient in a step: an infinity or NaN. */
  public record Injection(int step, int tensor, int element, double value) {}

  /**
   * What happens to the gradients around the step, in this order.
   *
   * @param gradientScale they are divided by it
   * @param maxNorm of {@code clip_grad_norm_}
   * @param normType of the norm: 2 or infinity
   * @param clipValue of {@code clip_grad_value_}
   * @param zeroGrad they are filled with zeros after the step
   */
  public record Around(
      OptionalDouble gradientScale,
      OptionalDouble maxNorm,
      double normType,
      OptionalDouble clipValue,
      boolean zeroGrad) {}

  /** The arguments of {@code GradScaler}. */
  public record Scaler(
      double initScale, double growthFactor, double backoffFactor, int growthInterval) {}

  /**
   * An average of the parameters, updated after every step that is not skipped.
   *
   * @param decay of an exponential average; none, and all updates count the same
   */
  public record Average(OptionalDouble decay) {}

  /**
   * A step.
   *
   * @param norm of the unscaled gradients, before any clipping
   * @param skipped whether the scaler kept the optimizer from stepping
   * @param scale if there is a scaler
   */
  public record Step(double norm, boolean skipped, Optional<Scale> scale) {}

  /**
   * A scaler in a step.
   *
   * @param used the scale of this step's gradients
   * @param next the scale afterwards
   * @param growthTracker finite steps since the scale changed, afterwards
   */
  public record Scale(double used, double next, int growthTracker) {}

  /**
   * After a step.
   *
   * @param parameters one entry per tensor
   * @param averaged how often the average was updated; 0 without one
   * @param averages one entry per tensor; empty without an average
   */
  public record Snapshot(int step, List<Values> parameters, long averaged, List<Values> averages) {}

  /**
   * Recorded values of a tensor of {@code size} elements: those at {@link #sampleIndices}. A {@code
   * float} is widened.
   *
   * @param sums over all elements, present if some are not recorded
   */
  public record Values(int size, List<Double> sampled, Optional<Sums> sums) {}

  /**
   * The elements of a tensor which are stored, ascending: all of up to 24, otherwise the first and
   * last 4, 4 between, and both sides of every multiple of 8,192.
   */
  public static int[] sampleIndices(int size) {
    if (size <= LARGEST_WHOLE) {
      return IntStream.range(0, size).toArray();
    }
    IntStream ends = IntStream.concat(IntStream.range(0, SAMPLED_END), last(size));
    IntStream between = IntStream.rangeClosed(1, 4).map(j -> (int) ((long) size * j / 5));
    IntStream tiles =
        IntStream.rangeClosed(1, (size - 1) / TILE)
            .flatMap(k -> IntStream.of(k * TILE - 1, k * TILE));
    return IntStream.concat(IntStream.concat(ends, between), tiles).distinct().sorted().toArray();
  }

  private static IntStream last(int size) {
    return IntStream.range(size - SAMPLED_END, size);
  }

  /** Whether the tensor has a gradient in that step. */
  public boolean hasGradient(int tensor, int step) {
    return missing.stream()
        .noneMatch(m -> m.tensor() == tensor && m.first() <= step && step <= m.last());
  }

  /**
   * The gradient as a backward pass of a loss times {@code scale} leaves it.
   *
   * @param step from 1
   * @param parameter the values before the step
   */
  public float[] gradient(int tensor, int step, float[] parameter, double scale) {
    float[] values = inputs.gradient(gradient, tensor, step, parameter);
    int exponent = exponentOf(step);
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.scalb(values[i], exponent) * (float) scale;
    }
    injectionsInto(tensor, step).forEach(i -> values[i.element()] = (float) i.value());
    return values;
  }

  /**
   * The gradient as a backward pass of a loss times {@code scale} leaves it.
   *
   * @param step from 1
   * @param parameter the values before the step
   */
  public double[] gradient(int tensor, int step, double[] parameter, double scale) {
    double[] values = inputs.gradient(gradient, tensor, step, parameter);
    int exponent = exponentOf(step);
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.scalb(values[i], exponent) * scale;
    }
    injectionsInto(tensor, step).forEach(i -> values[i.element()] = i.value());
    return values;
  }

  private int exponentOf(int step) {
    return exponents.get((step - 1) % exponents.size());
  }

  private List<Injection> injectionsInto(int tensor, int step) {
    return injections.stream().filter(i -> i.tensor() == tensor && i.step() == step).toList();
  }

  /** For test names: {@code max_norm/adamw/FLOAT32}. */
  @Override
  public String toString() {
    return name + "/" + dtype;
  }
}
