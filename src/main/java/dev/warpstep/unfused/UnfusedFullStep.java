package dev.warpstep.unfused;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A whole training step after the backward pass, one pass per operation: gradients unscaled, their
 * norm, gradients clipped, AdamW, a moving average of the parameters, gradients zeroed. A gradient
 * that is not finite skips the update.
 */
public final class UnfusedFullStep {
  private final List<Tensor> tensors;
  private final Settings settings;
  private final UnfusedAdam adam;
  private final float[][] averages;
  private final float[][] scratch;
  private final double[] sums;

  /** The first values are the average's first, as in {@code AveragedModel}. */
  private boolean averaged;

  /**
   * What the step does.
   *
   * @param lr learning rate
   * @param weightDecay decoupled, as in AdamW
   * @param scale what the gradients were multiplied by
   * @param maxNorm gradients with a larger norm are clipped to it
   * @param averageDecay of the moving average
   */
  public record Settings(
      double lr, double weightDecay, double scale, double maxNorm, double averageDecay) {
    /** PyTorch's decay of AdamW's first moment. */
    public static final double BETA1 = 0.9;

    /** Of the second moment. */
    public static final double BETA2 = 0.999;

    /** Added to the denominator. */
    public static final double EPS = 1e-8;

    /** Against division by zero, as in {@code torch.nn.utils.clip_grad_norm_}. */
    private static final double NORM_EPS = 1e-6;

    /** Factor of gradients that takes the scale away. */
    public float unscale() {
      return (float) (1 / scale);
    }

    /** Factor of gradients with a norm that clips them. */
    public float clip(double norm) {
      return (float) Math.min(1, maxNorm / (norm + NORM_EPS));
    }

    /** Factor of values that decays them. */
    public float decay() {
      return (float) (1 - lr * weightDecay);
    }
  }

  /**
   * A step over tensors.
   *
   * @param threads how many threads share it; positive
   */
  public UnfusedFullStep(List<Tensor> tensors, Settings settings, int threads) {
    this.tensors = List.copyOf(tensors);
    this.settings = settings;
    this.adam =
        new UnfusedAdam(
            tensors, settings.lr(), Settings.BETA1, Settings.BETA2, Settings.EPS, threads);
    this.averages = UnfusedOptimizer.zerosFor(tensors);
    this.scratch = UnfusedOptimizer.zerosFor(tensors);
    this.sums = new double[threads];
  }

  /** The moving average of a tensor's values, in place. */
  public float[] average(int tensor) {
    return averages[tensor];
  }

  /**
   * Does it.
   *
   * @return the norm of the unscaled gradients
   */
  public double step(UnfusedOptimizer.Passes passes) {
    Primitives primitives = passes.primitives();
    Arrays.fill(sums, 0);
    forEachShare(
        (share, index, tensor, begin, end) -> {
          primitives.scale(tensor.gradient(), settings.unscale(), begin, end);
          sums[share] += primitives.sumOfSquares(tensor.gradient(), begin, end);
        });
    double norm = Math.sqrt(Arrays.stream(sums).sum());
    if (Double.isFinite(norm)) {
      forEachShare(
          (share, index, tensor, begin, end) -> {
            primitives.scale(tensor.gradient(), settings.clip(norm), begin, end);
            primitives.scale(tensor.values(), settings.decay(), begin, end);
          });
      adam.step(passes);
    }
    forEachShare(
        (share, index, tensor, begin, end) -> {
          float[] average = averages[index];
          if (averaged) {
            primitives.average(
                average, settings.averageDecay(), tensor.values(), scratch[index], begin, end);
          } else {
            System.arraycopy(tensor.values(), begin, average, begin, end - begin);
          }
          Arrays.fill(tensor.gradient(), begin, end, 0);
        });
    averaged = true;
    return norm;
  }

  private interface Work {
    void of(int share, int index, Tensor tensor, int begin, int end);
  }

  private void forEachShare(Work work) {
    int shares = sums.length;
    IntStream.range(0, shares)
        .parallel()
        .forEach(
            share -> {
              for (int index = 0; index < tensors.size(); index++) {
                Tensor tensor = tensors.get(index);
                long count = tensor.elementCount();
                int begin = (int) (count * share / shares);
                work.of(share, index, tensor, begin, (int) (count * (share + 1) / shares));
              }
            });
  }
}
