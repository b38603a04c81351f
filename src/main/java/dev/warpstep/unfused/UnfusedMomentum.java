package dev.warpstep.unfused;

import java.util.List;

/** Stochastic gradient descent with momentum, in two passes, or four elementary ones. */
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
  void update(
      Primitives primitives, int index, Tensor tensor, float[] scratch, int begin, int end) {
    float[] buffer = buffers[index];
    primitives.decayAndAdd(buffer, momentum, tensor.gradient(), begin, end);
    primitives.addScaled(tensor.values(), -lr, buffer, scratch, begin, end);
  }
}
