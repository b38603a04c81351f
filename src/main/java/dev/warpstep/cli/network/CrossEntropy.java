package dev.warpstep.cli.network;

/**
 * Softmax cross-entropy, −log(exp(o[label]) / ∑ exp(o)), for classes 0 to outputs − 1. StrictMath,
 * because the interpreter and compiled code must agree on every bit.
 */
public final class CrossEntropy implements Loss {
  private final byte[] labels;

  /** The loss for these labels, one for each sample; not copied. */
  public CrossEntropy(byte[] labels) {
    this.labels = labels;
  }

  @Override
  public double of(int sample, float[] outputs, float[] gradient) {
    float largest = Float.NEGATIVE_INFINITY;
    for (float output : outputs) {
      largest = Math.max(largest, output);
    }
    double sum = 0;
    for (int i = 0; i < outputs.length; i++) {
      double exponential = StrictMath.exp((double) outputs[i] - largest);
      gradient[i] = (float) exponential;
      sum += exponential;
    }
    for (int i = 0; i < outputs.length; i++) {
      gradient[i] = (float) (gradient[i] / sum);
    }
    int label = labels[sample];
    gradient[label] -= 1;
    return StrictMath.log(sum) - ((double) outputs[label] - largest);
  }
}
