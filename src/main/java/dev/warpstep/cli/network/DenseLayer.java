package dev.warpstep.cli.network;

import dev.warpstep.unfused.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * A fully connected layer, y = x·W + b, W with one row for each input.
 *
 * <p>The optimizer sees W as one array. The loops work on copies with an array for each row,
 * because C2 vectorises a loop only if all its arrays are indexed alike; that triples their speed,
 * and copying costs one part in a hundred. Their inner loop runs over outputs, never a sum over
 * them, which floating point does not let C2 reorder. Zero inputs, half of the pixels and of the
 * activations, are skipped.
 */
final class DenseLayer {
  private final int inputs;
  private final int outputs;
  private final Tensor weights;
  private final Tensor bias;
  private final float[][] rows;
  private final float[][] columns;
  private final float[][] gradientRows;

  DenseLayer(
      String name, int inputs, int outputs, Initialization initialization, RandomGenerator random) {
    this.inputs = inputs;
    this.outputs = outputs;
    weights =
        new Tensor(name + ".weight", new float[inputs * outputs], new float[inputs * outputs]);
    bias = new Tensor(name + ".bias", new float[outputs], new float[outputs]);
    rows = new float[inputs][outputs];
    columns = new float[outputs][inputs];
    gradientRows = new float[inputs][outputs];
    initialization.fill(weights.values(), bias.values(), inputs, random);
  }

  int inputs() {
    return inputs;
  }

  int outputs() {
    return outputs;
  }

  List<Tensor> tensors() {
    return List.of(weights, bias);
  }

  /** Follows the optimizer's changes of the weights. */
  void refresh() {
    for (int input = 0; input < inputs; input++) {
      System.arraycopy(weights.values(), input * outputs, rows[input], 0, outputs);
    }
  }

  /** As {@link #refresh}, and for {@link #backward} too. */
  void refreshForTraining(boolean inputsHaveGradients) {
    refresh();
    if (inputsHaveGradients) {
      for (int output = 0; output < outputs; output++) {
        for (int input = 0; input < inputs; input++) {
          columns[output][input] = rows[input][output];
        }
      }
    }
  }

  /** y = x·W + b of one sample. */
  void forward(float[] x, float[] y) {
    System.arraycopy(bias.values(), 0, y, 0, outputs);
    for (int input = 0; input < inputs; input++) {
      addScaled(y, x[input], rows[input]);
    }
  }

  /** The derivatives of a loss of one sample with respect to x, from those with respect to y. */
  void backward(float[] gradientOfY, float[] gradientOfX) {
    Arrays.fill(gradientOfX, 0);
    for (int output = 0; output < outputs; output++) {
      addScaled(gradientOfX, gradientOfY[output], columns[output]);
    }
  }

  /** The derivatives with respect to the weights of one input: a mean over samples. */
  void weightGradient(int input, float[][] x, float[][] gradientOfY, int samples) {
    float[] gradient = gradientRows[input];
    Arrays.fill(gradient, 0);
    for (int sample = 0; sample < samples; sample++) {
      addScaled(gradient, x[sample][input], gradientOfY[sample]);
    }
    divide(gradient, samples);
    System.arraycopy(gradient, 0, weights.gradient(), input * outputs, outputs);
  }

  /** The derivatives with respect to the biases: a mean over samples. */
  void biasGradient(float[][] gradientOfY, int samples) {
    float[] gradient = bias.gradient();
    Arrays.fill(gradient, 0);
    for (int sample = 0; sample < samples; sample++) {
      addScaled(gradient, 1, gradientOfY[sample]);
    }
    divide(gradient, samples);
  }

  private static void addScaled(float[] y, float factor, float[] x) {
    if (factor != 0) {
      for (int i = 0; i < y.length; i++) {
        y[i] += factor * x[i];
      }
    }
  }

  private static void divide(float[] y, float divisor) {
    for (int i = 0; i < y.length; i++) {
      y[i] /= divisor;
    }
  }
}
