package dev.warpstep.unfused;

import java.util.List;

/** Stochastic gradient descent: one pass, so nothing is left to fuse, or two elementary ones. */
public final class UnfusedSGD extends UnfusedOptimizer {
  private final float lr;

  /**
   * An optimizer of tensors.
   *
   * @param lr learning rate
   * @param threads how many threads share a step; positive
   */
  public UnfusedSGD(List<Tensor> tensors, double lr, int threads) {
    super(tensors, threads);
    this.lr = (float) lr;
  }

  @Override
  void update(
      Primitives primitives, int index, Tensor tensor, float[] scratch, int begin, int end) {
    primitives.addScaled(tensor.values(), -lr, tensor.gradient(), scratch, begin, end);
  }
}
