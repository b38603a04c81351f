package dev.warpstep.cli.network;

/** How wrong the outputs for a sample are. Called by several threads at a time. */
public interface Loss {
  /**
   * The loss of one sample, and its gradient.
   *
   * @param sample index of the sample
   * @param outputs what the network answered
   * @param gradient as long as the outputs; filled with the derivatives with respect to them
   */
  double of(int sample, float[] outputs, float[] gradient);
}
