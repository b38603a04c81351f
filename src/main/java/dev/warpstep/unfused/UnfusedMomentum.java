package dev.warpstep.unfused;

import java.util.List;

/** Stochastic gradient descent with momentum, in two passes. */
public final class UnfusedMomentum extends UnfusedOptimizer {
  private final float[][] buffers;
  private final float lr;
  private final float momentum;

  /**
   * An optimizer of tensors.
   *
   * @param lr learning rate
   * @param momentum factor of the momentum buffer
   * @param threads how many threads share a step; positive
   */
  public UnfusedMomentum(List<Tensor> tensors, double lr, double momentum, int threads) {
    super(tensors, threads);
    this.buffers = zerosFor(tensors);
    this.lr = (float) lr;
    this.momentum = (float) momentum;
  }

  @Override
  void update(int index, Tensor tensor, int begin, int end) {
    float[] buffer = buffers[index];
    Primitives.decayAndAdd(buffer, momentum, tensor.gradient(), begin, end);
    Primitives.addScaled(tensor.values(), -lr, buffer, begin, end);
  }
}
