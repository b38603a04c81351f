package dev.warpstep.benchmarks;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A model as an optimizer sees it: how many elements each parameter tensor has, in order. */
public enum Model {
  /** 10 tensors, 100,234 parameters: fits into the cache, so the price of a call shows. */
  MLP_100K(
      IntStream.of(128 * 256, 256, 256 * 128, 128, 128 * 128, 128, 128 * 128, 128, 128 * 10, 10)),
  /** 161 tensors, 25,557,032 parameters, most tensors small. */
  RESNET50(resnet50()),
  /** GPT-2 small: 148 tensors, 124,439,808 parameters. */
  GPT2_124M(gpt2());

  private final int[] sizes;

  Model(IntStream sizes) {
    this.sizes = sizes.toArray();
  }

  /**
   * The model with a {@link #key()}.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Model of(String key) {
    return Stream.of(values())
        .filter(model -> model.key().equals(key))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "model must be one of %s, was %s"
                        .formatted(Stream.of(values()).map(Model::key).toList(), key)));
  }

  /** For example {@code gpt2_124m}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Elements of each tensor. */
  public List<Integer> sizes() {
    return Arrays.stream(sizes).boxed().toList();
  }

  /** Elements of all tensors together. */
  public long parameterCount() {
    return Arrays.stream(sizes).asLongStream().sum();
  }

  /**
   * Steps that are timed together, so that reading the clock does not show. Peers use the same
   * number.
   */
  public int stepsPerSample() {
    return Math.clamp(20_000_000 / parameterCount(), 1, 200);
  }

  /** Without the running means, which do not train. */
  private static IntStream resnet50() {
    IntStream.Builder sizes = IntStream.builder().add(64 * 3 * 49).add(64).add(64);
    int channels = 64;
    int[] blocks = {3, 4, 6, 3};
    for (int stage = 0; stage < blocks.length; stage++) {
      int width = 64 << stage;
      for (int block = 0; block < blocks[stage]; block++) {
        sizes.add(channels * width).add(width).add(width);
        sizes.add(width * width * 9).add(width).add(width);
        sizes.add(width * 4 * width).add(4 * width).add(4 * width);
        if (block == 0) {
          sizes.add(channels * 4 * width).add(4 * width).add(4 * width);
        }
        channels = 4 * width;
      }
    }
    return sizes.add(2048 * 1000).add(1000).build();
  }

  private static IntStream gpt2() {
    int d = 768;
    IntStream.Builder sizes = IntStream.builder().add(50257 * d).add(1024 * d);
    for (int layer = 0; layer < 12; layer++) {
      sizes.add(d).add(d).add(d * 3 * d).add(3 * d).add(d * d).add(d);
      sizes.add(d).add(d).add(d * 4 * d).add(4 * d).add(4 * d * d).add(d);
    }
    return sizes.add(d).add(d).build();
  }
}
