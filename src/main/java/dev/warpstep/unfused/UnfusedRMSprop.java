package dev.warpstep.unfused;

import java.util.List;

/** RMSprop without momentum, in six passes, or nine elementary ones. */
public final class UnfusedRMSprop extends UnfusedOptimizer {
  private final float[][] squareAverages;
  private final float[][] temporaries;
  private final float lr;
  private final double alpha;
  private final float eps;

  /**
   * An optimizer of tensors.
   *
   * @param lr learning rate
   * @param alpha decay of the average of squares
   * @param eps added to the denominator
   * @param threads how many threads share a step; positive
   */
  public UnfusedRMSprop(List<Tensor> tensors, double lr, double alpha, double eps, int threads) {
    super(tensors, threads);
    this.squareAverages = zerosFor(tensors);
    this.temporaries = zerosFor(tensors);
    this.lr = (float) lr;
    this.alpha = alpha;
    this.eps = (float) eps;
  }

  @Override
  void update(
      Primitives primitives, int index, Tensor tensor, float[] scratch, int begin, int end) {
    float[] squareAverage = squareAverages[index];
    float[] temporary = temporaries[index];
    primitives.square(temporary, tensor.gradient(), begin, end);
    primitives.average(squareAverage, alpha, temporary, scratch, begin, end);
    primitives.squareRoot(temporary, squareAverage, begin, end);
    primitives.add(temporary, eps, begin, end);
    primitives.divideInto(temporary, tensor.gradient(), begin, end);
    primitives.addScaled(tensor.values(), -lr, temporary, scratch, begin, end);
  }
}
