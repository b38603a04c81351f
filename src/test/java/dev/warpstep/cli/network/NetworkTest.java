package dev.warpstep.cli.network;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.unfused.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class NetworkTest {
  private static final long SEED = 5;
  private static final int COUNT = 6;
  private static final int[] ORDER = {3, 0, 5, 1, 4, 2};
  private static final byte[] LABELS = {0, 2, 1, 1, 0, 2};

  /**
   * A derivative is a sum of fewer than 200 products smaller than 4 along the way back; each
   * rounding to float errs by at most 2^-24 of it.
   */
  private static final double TOLERANCE = 200 * 4 * 0x1p-24;

  @ParameterizedTest
  @EnumSource
  void hasTheGradientsOfFiniteDifferences(Initialization initialization) {
    List<Integer> widths = List.of(5, 7, 6, 3);
    Network network = new Network(widths, initialization, SEED, COUNT);
    Samples samples = new RandomSamples(COUNT, 5);

    double loss = network.train(samples, new CrossEntropy(LABELS), ORDER, 0, COUNT);

    DoubleNetwork oracle = new DoubleNetwork(widths, network.tensors());
    assertEquals(oracle.meanLoss(samples), loss, TOLERANCE);
    double largest = 0;
    for (int t = 0; t < oracle.values.size(); t++) {
      Tensor tensor = network.tensors().get(t);
      for (int i = 0; i < tensor.elementCount(); i++) {
        int at = i;
        double expected = oracle.derivative(samples, t, i);
        assertEquals(
            expected,
            tensor.gradient()[i],
            TOLERANCE,
            () -> "%s at %d, seed %d".formatted(tensor, at, SEED));
        largest = Math.max(largest, Math.abs(expected));
      }
    }
    assertTrue(largest > 1000 * TOLERANCE, "gradients too small to be checked: " + largest);
  }

  @Test
  void hasTheSquaredErrorsGradient() {
    float[] gradient = new float[1];

    double loss = new SquaredError(new float[] {1, 3}).of(1, new float[] {2.5f}, gradient);

    assertEquals(0.25, loss);
    assertEquals(-1, gradient[0]);
  }

  @Test
  void survivesOutputsWhoseExponentialOverflows() {
    float[] gradient = new float[3];

    double loss = new CrossEntropy(LABELS).of(0, new float[] {1000, 1000, -1000}, gradient);

    assertEquals(Math.log(2), loss, 1e-12);
    assertArrayEquals(new float[] {-0.5f, 0.5f, 0}, gradient);
  }

  @Test
  void doesNotDependOnTheNumberOfThreads() {
    List<float[]> one = gradientsWith(1);
    List<float[]> four = gradientsWith(4);
    for (int i = 0; i < one.size(); i++) {
      assertTrue(Arrays.equals(one.get(i), four.get(i)), "tensor %d, seed %d".formatted(i, SEED));
    }
  }

  @Test
  void beginsAlikeForTheSameSeedOnly() {
    List<Integer> widths = List.of(4, 3);
    float[] first = new Network(widths, Initialization.UNIFORM, 1, 1).tensors().get(0).values();
    float[] again = new Network(widths, Initialization.UNIFORM, 1, 1).tensors().get(0).values();
    float[] other = new Network(widths, Initialization.UNIFORM, 2, 1).tensors().get(0).values();
    assertArrayEquals(first, again);
    assertTrue(!Arrays.equals(first, other));
  }

  private static List<float[]> gradientsWith(int threads) {
    Network network = new Network(List.of(150, 90, 3), Initialization.HE_NORMAL, SEED, COUNT);
    Samples samples = new RandomSamples(COUNT, 150);
    try (ForkJoinPool pool = new ForkJoinPool(threads)) {
      pool.submit(() -> network.train(samples, new CrossEntropy(LABELS), ORDER, 0, COUNT)).join();
    }
    return network.tensors().stream().map(Tensor::gradient).toList();
  }

  private static final class RandomSamples implements Samples {
    private final float[][] values;

    RandomSamples(int count, int width) {
      SplittableRandom random = new SplittableRandom(SEED + 1);
      values = new float[count][width];
      for (float[] sample : values) {
        for (int i = 0; i < width; i++) {
          sample[i] = random.nextInt(3) == 0 ? 0 : (float) random.nextDouble();
        }
      }
    }

    @Override
    public int count() {
      return values.length;
    }

    @Override
    public int width() {
      return values[0].length;
    }

    @Override
    public void read(int sample, float[] into) {
      System.arraycopy(values[sample], 0, into, 0, into.length);
    }
  }

  /** The same network once more, in double and straight from the definition. */
  private static final class DoubleNetwork {
    private static final double STEP = 1e-6;

    final List<Integer> widths;
    final List<double[]> values = new ArrayList<>();

    DoubleNetwork(List<Integer> widths, List<Tensor> tensors) {
      this.widths = widths;
      for (Tensor tensor : tensors) {
        float[] floats = tensor.values();
        values.add(IntStream.range(0, floats.length).mapToDouble(i -> floats[i]).toArray());
      }
    }

    double derivative(Samples samples, int tensor, int index) {
      double[] changed = values.get(tensor);
      double kept = changed[index];
      changed[index] = kept + STEP;
      double above = meanLoss(samples);
      changed[index] = kept - STEP;
      double below = meanLoss(samples);
      changed[index] = kept;
      return (above - below) / (2 * STEP);
    }

    double meanLoss(Samples samples) {
      double sum = 0;
      for (int sample = 0; sample < samples.count(); sample++) {
        double[] outputs = outputs(samples, sample);
        double exponentials = Arrays.stream(outputs).map(Math::exp).sum();
        sum += Math.log(exponentials) - outputs[LABELS[sample]];
      }
      return sum / samples.count();
    }

    private double[] outputs(Samples samples, int sample) {
      float[] input = new float[samples.width()];
      samples.read(sample, input);
      double[] x = IntStream.range(0, input.length).mapToDouble(i -> input[i]).toArray();
      for (int layer = 0; layer + 1 < widths.size(); layer++) {
        double[] weights = values.get(2 * layer);
        double[] y = values.get(2 * layer + 1).clone();
        for (int j = 0; j < y.length; j++) {
          for (int k = 0; k < x.length; k++) {
            y[j] += x[k] * weights[k * y.length + j];
          }
          if (layer + 2 < widths.size()) {
            y[j] = Math.max(y[j], 0);
          }
        }
        x = y;
      }
      return x;
    }
  }
}
