package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedOptimizer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Fused and unfused steps of the same recipe must leave the same bits. */
final class RecipeTest {
  private static final long SEED = 7;
  private static final int STEPS = 12;

  /** Around the widths of vectors and the sizes of shares and chunks. */
  private static final List<Integer> SIZES =
      List.of(1, 15, 16, 17, 127, 129, 4_097, 16_385, 65_537);

  static Stream<Arguments> recipesAndThreads() {
    List<Recipe> recipes =
        List.of(
            Recipe.sgd(0.1),
            Recipe.momentum(0.05, 0.9),
            Recipe.rmsprop(0.001, 0.99),
            Recipe.rmsprop(0.01, 0.3),
            Recipe.adam(0.001, 0.9, 0.999),
            Recipe.adam(0.01, 0.0, 0.4));
    return recipes.stream()
        .flatMap(recipe -> Stream.of(1, 2, 3).map(threads -> Arguments.of(recipe, threads)));
  }

  @ParameterizedTest
  @MethodSource("recipesAndThreads")
  void leavesTheSameBitsFusedAndUnfused(Recipe recipe, int threads) {
    List<Tensor> fusedTensors = tensors();
    List<Tensor> unfusedTensors = tensors();
    List<Parameter> parameters =
        fusedTensors.stream()
            .map(tensor -> Parameter.of(tensor.name(), tensor.values()).gradient(tensor.gradient()))
            .toList();
    UnfusedOptimizer unfused = recipe.unfused().build(unfusedTensors, threads);
    SplittableRandom random = new SplittableRandom(SEED);
    try (Device device = Device.cpu(threads);
        Optimizer fused = recipe.fused().build(device, parameters)) {
      for (int step = 1; step <= STEPS; step++) {
        for (int i = 0; i < SIZES.size(); i++) {
          fillWithGradients(fusedTensors.get(i).gradient(), random);
          System.arraycopy(
              fusedTensors.get(i).gradient(), 0, unfusedTensors.get(i).gradient(), 0, SIZES.get(i));
        }
        fused.step();
        unfused.step();
        for (int i = 0; i < SIZES.size(); i++) {
          Tensor tensor = fusedTensors.get(i);
          int at = step;
          assertArrayEquals(
              bits(tensor.values()),
              bits(unfusedTensors.get(i).values()),
              () -> "%s, step %d, seed %d".formatted(tensor, at, SEED));
        }
      }
    }
    assertNotEquals(tensors().getLast().values()[0], fusedTensors.getLast().values()[0]);
  }

  private static List<Tensor> tensors() {
    SplittableRandom random = new SplittableRandom(SEED + 1);
    List<Tensor> tensors = new ArrayList<>();
    for (int size : SIZES) {
      float[] values = new float[size];
      for (int i = 0; i < size; i++) {
        values[i] = isTiny(i) ? 0 : (float) random.nextGaussian();
      }
      tensors.add(new Tensor("of " + size, values, new float[size]));
    }
    return tensors;
  }

  /** Elements that begin at zero and have denormal gradients only, so that flushed state shows. */
  private static boolean isTiny(int index) {
    return index % 4 == 2;
  }

  /** Of every magnitude: zero, denormal, with a denormal square, common, huge. */
  private static void fillWithGradients(float[] gradient, SplittableRandom random) {
    for (int i = 0; i < gradient.length; i++) {
      float common = (float) random.nextGaussian();
      gradient[i] =
          switch (isTiny(i) ? 1 : random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> common * 5e-39f;
            case 2 -> common * 1e-21f;
            case 3 -> common * 1e15f;
            default -> common;
          };
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToIntBits(values[i]);
    }
    return bits;
  }
}
