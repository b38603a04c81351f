package dev.warpstep.unfused;

import java.util.List;

/**
 * Adam in seven passes, or twelve elementary ones, with the bias corrections folded into step size
 * and eps; a framework that applies them to the tensors needs more.
 */
public final class UnfusedAdam extends UnfusedOptimizer {
  private final float[][] firstMoments;
  private final float[][] secondMoments;
  private final float[][] temporaries;
  private final double lr;
  private final double beta1;
  private final double beta2;
  private final double eps;
  private AdamScalars scalars = new AdamScalars(0, 0);

  /**
   * An optimizer of tensors.
   *
   * @param lr learning rate
   * @param beta1 decay of the first moment
   * @param beta2 decay of the second moment
   * @param eps added to the denominator
   * @param threads how many threads share a step; positive
   */
  public UnfusedAdam(
      List<Tensor> tensors, double lr, double beta1, double beta2, double eps, int threads) {
    super(tensors, threads);
    this.firstMoments = zerosFor(tensors);
    this.secondMoments = zerosFor(tensors);
    this.temporaries = zerosFor(tensors);
    this.lr = lr;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.eps = eps;
  }

  @Override
  void prepare(long step) {
    scalars = AdamScalars.of(step, lr, beta1, beta2, eps);
  }

  @Override
  void update(
      Primitives primitives, int index, Tensor tensor, float[] scratch, int begin, int end) {
    float[] first = firstMoments[index];
    float[] second = secondMoments[index];
    float[] temporary = temporaries[index];
    primitives.average(first, beta1, tensor.gradient(), scratch, begin, end);
    primitives.square(temporary, tensor.gradient(), begin, end);
    primitives.average(second, beta2, temporary, scratch, begin, end);
    primitives.squareRoot(temporary, second, begin, end);
    primitives.add(temporary, scalars.eps(), begin, end);
    primitives.divideInto(temporary, first, begin, end);
    primitives.addScaled(tensor.values(), -scalars.stepSize(), temporary, scratch, begin, end);
  }
}
