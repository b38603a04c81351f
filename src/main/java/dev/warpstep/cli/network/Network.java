package dev.warpstep.cli.network;

import dev.warpstep.unfused.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Dense layers with ReLU between them. Samples go forward and backward independently of each other,
 * then the weights of each input sum their gradients over the batch: both loops run in parallel,
 * and no sum depends on how.
 *
 * <p>One thread at a time.
 */
public final class Network {
  /** Samples, or inputs of a layer, that one thread does at a time: some tens of microseconds. */
  private static final int TILE = 8;

  /** A network with fewer weights than this is not worth a second thread. */
  private static final int PARALLEL_WEIGHTS = 10_000;

  private final List<DenseLayer> layers = new ArrayList<>();
  private final boolean parallel;
  private final int capacity;

  /** What goes into each layer, and at last out of the network: [layer][sample][value]. */
  private final float[][][] activations;

  /** Derivatives of the samples' losses with respect to the activations. */
  private final float[][][] gradients;

  private final double[] losses;

  /**
   * A network with weights drawn from a seed.
   *
   * @param widths inputs, hidden widths, outputs; at least two
   * @param capacity the most samples of a batch
   */
  public Network(List<Integer> widths, Initialization initialization, long seed, int capacity) {
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 1; i < widths.size(); i++) {
      layers.add(
          new DenseLayer("layer" + i, widths.get(i - 1), widths.get(i), initialization, random));
    }
    this.parallel = elementCount() >= PARALLEL_WEIGHTS;
    this.capacity = capacity;
    this.activations = new float[widths.size()][capacity][];
    this.gradients = new float[widths.size()][capacity][];
    for (int layer = 0; layer < widths.size(); layer++) {
      for (int sample = 0; sample < capacity; sample++) {
        activations[layer][sample] = new float[widths.get(layer)];
        gradients[layer][sample] = new float[widths.get(layer)];
      }
    }
    this.losses = new double[capacity];
  }

  /** Weights and biases of every layer, with their gradients. */
  public List<Tensor> tensors() {
    return layers.stream().flatMap(layer -> layer.tensors().stream()).toList();
  }

  /** How many weights and biases there are. */
  public long elementCount() {
    return tensors().stream().mapToLong(Tensor::elementCount).sum();
  }

  /**
   * Forward and backward: fills the gradients of the mean loss of a batch.
   *
   * @param order indices of samples
   * @param begin where the batch begins in the order
   * @param end where it ends; at most the capacity later
   * @return the mean loss, before any update
   */
  public double train(Samples samples, Loss loss, int[] order, int begin, int end) {
    for (int i = 0; i < layers.size(); i++) {
      layers.get(i).refreshForTraining(i > 0);
    }
    int count = end - begin;
    forEach(
        count,
        slot -> {
          forward(samples, order[begin + slot], slot);
          losses[slot] = lossOf(order[begin + slot], slot, loss);
          backward(slot);
        });
    for (int i = 0; i < layers.size(); i++) {
      DenseLayer layer = layers.get(i);
      float[][] x = activations[i];
      float[][] gradientOfY = gradients[i + 1];
      forEach(layer.inputs(), input -> layer.weightGradient(input, x, gradientOfY, count));
      layer.biasGradient(gradientOfY, count);
    }
    double sum = 0;
    for (int slot = 0; slot < count; slot++) {
      sum += losses[slot];
    }
    return sum / count;
  }

  /** The mean loss of all samples. */
  public double meanLoss(Samples samples, Loss loss) {
    double[] all = new double[samples.count()];
    forEachOutput(samples, (sample, slot) -> all[sample] = lossOf(sample, slot, loss));
    double sum = 0;
    for (double value : all) {
      sum += value;
    }
    return sum / all.length;
  }

  /** The index of the largest output for each sample. */
  public int[] classify(Samples samples) {
    int[] classes = new int[samples.count()];
    forEachOutput(
        samples,
        (sample, slot) -> {
          float[] outputs = activations[layers.size()][slot];
          for (int i = 1; i < outputs.length; i++) {
            if (outputs[i] > outputs[classes[sample]]) {
              classes[sample] = i;
            }
          }
        });
    return classes;
  }

  /** Something to do with the activations and gradients in a slot, after a sample went forward. */
  private interface OutputConsumer {
    void accept(int sample, int slot);
  }

  private void forEachOutput(Samples samples, OutputConsumer consumer) {
    layers.forEach(DenseLayer::refresh);
    for (int begin = 0; begin < samples.count(); begin += capacity) {
      int first = begin;
      forEach(
          Math.min(capacity, samples.count() - begin),
          slot -> {
            forward(samples, first + slot, slot);
            consumer.accept(first + slot, slot);
          });
    }
  }

  private void forward(Samples samples, int sample, int slot) {
    samples.read(sample, activations[0][slot]);
    for (int i = 0; i < layers.size(); i++) {
      float[] y = activations[i + 1][slot];
      layers.get(i).forward(activations[i][slot], y);
      if (i + 1 < layers.size()) {
        for (int j = 0; j < y.length; j++) {
          y[j] = Math.max(y[j], 0);
        }
      }
    }
  }

  private double lossOf(int sample, int slot, Loss loss) {
    return loss.of(sample, activations[layers.size()][slot], gradients[layers.size()][slot]);
  }

  private void backward(int slot) {
    for (int i = layers.size() - 1; i > 0; i--) {
      float[] gradientOfX = gradients[i][slot];
      layers.get(i).backward(gradients[i + 1][slot], gradientOfX);
      float[] x = activations[i][slot];
      for (int j = 0; j < x.length; j++) {
        if (x[j] <= 0) {
          gradientOfX[j] = 0;
        }
      }
    }
  }

  private void forEach(int count, IntConsumer action) {
    IntStream tiles = IntStream.range(0, Math.ceilDiv(count, TILE));
    (parallel ? tiles.parallel() : tiles)
        .forEach(
            tile -> {
              for (int i = tile * TILE; i < Math.min(count, (tile + 1) * TILE); i++) {
                action.accept(i);
              }
            });
  }
}
