package dev.warpstep.cli.network;

import java.util.random.RandomGenerator;

/** How a layer's weights begin. */
public enum Initialization {
  /**
   * Normal with variance 2 / inputs, biases zero (He et al. 2015): keeps ReLU activations' scale.
   */
  HE_NORMAL {
    @Override
    void fill(float[] weights, float[] bias, int inputs, RandomGenerator random) {
      double deviation = Math.sqrt(2.0 / inputs);
      for (int i = 0; i < weights.length; i++) {
        weights[i] = (float) (deviation * random.nextGaussian());
      }
    }
  },

  /** Uniform in ±1 / √inputs, biases too: the default of PyTorch's Linear. */
  UNIFORM {
    @Override
    void fill(float[] weights, float[] bias, int inputs, RandomGenerator random) {
      double bound = 1 / Math.sqrt(inputs);
      for (int i = 0; i < weights.length; i++) {
        weights[i] = (float) random.nextDouble(-bound, bound);
      }
      for (int i = 0; i < bias.length; i++) {
        bias[i] = (float) random.nextDouble(-bound, bound);
      }
    }
  };

  abstract void fill(float[] weights, float[] bias, int inputs, RandomGenerator random);
}
