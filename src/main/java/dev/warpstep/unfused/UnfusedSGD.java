package dev.warpstep.unfused;

import java.util.List;

/** Stochastic gradient descent: one pass, so nothing is left to fuse. */
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
  void update(int index, Tensor tensor, int begin, int end) {
    Primitives.addScaled(tensor.values(), -lr, tensor.gradient(), begin, end);
  }
}
