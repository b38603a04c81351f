package dev.warpstep.cli.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Real lists of parameter tensors, smallest model first, and two that are hard on bookkeeping. */
public enum Model {
  /** 10 tensors, 100,234 parameters: fits into the cache, so the price of a call shows. */
  MLP_100K(multilayerPerceptron()),
  /** 161 tensors, 25,557,032 parameters, most tensors small. */
  RESNET50(resnet50()),
  /** GPT-2 small: 148 tensors, 124,439,808 parameters. */
  GPT2_124M(gpt2(12, 768)),
  /** 398 tensors, 336,226,108 parameters: with the heads of its pre-training. */
  BERT_LARGE(bert(24, 1024)),
  /** GPT-2 XL: 580 tensors, 1,557,611,200 parameters. */
  GPT2_1P5B(gpt2(48, 1600)),
  /** 291 tensors, 6,738,415,616 parameters. */
  LLAMA_7B(llama(32, 4096, 11_008)),
  /** 10,000 tensors of 1,000 elements. */
  MANY_10000X1000(Collections.nCopies(10_000, 1_000L)),
  /** 465 tensors of 1,024 elements, which benchmarks put into a group each. */
  GROUPS_465(Collections.nCopies(465, 1_024L));

  @SuppressWarnings("ImmutableEnumChecker") // a copy that nobody changes
  private final List<Long> sizes;

  Model(List<Long> sizes) {
    this.sizes = List.copyOf(sizes);
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
                        .formatted(
                            String.join(", ", Stream.of(values()).map(Model::key).toList()), key)));
  }

  /** For example {@code gpt2_124m}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Its tensors. */
  public ModelShape shape() {
    return new ModelShape(key(), sizes);
  }

  private static List<Long> multilayerPerceptron() {
    List<Long> sizes = new ArrayList<>(List.of(128L * 256, 256L, 256L * 128, 128L));
    Collections.addAll(sizes, 128L * 128, 128L, 128L * 128, 128L, 128L * 10, 10L);
    return sizes;
  }

  /** Without the running means, which do not train. */
  private static List<Long> resnet50() {
    List<Long> sizes = new ArrayList<>(List.of(64L * 3 * 49, 64L, 64L));
    long channels = 64;
    int[] blocks = {3, 4, 6, 3};
    for (int stage = 0; stage < blocks.length; stage++) {
      long width = 64L << stage;
      for (int block = 0; block < blocks[stage]; block++) {
        Collections.addAll(sizes, channels * width, width, width);
        Collections.addAll(sizes, width * width * 9, width, width);
        Collections.addAll(sizes, width * 4 * width, 4 * width, 4 * width);
        if (block == 0) {
          Collections.addAll(sizes, channels * 4 * width, 4 * width, 4 * width);
        }
        channels = 4 * width;
      }
    }
    Collections.addAll(sizes, 2048L * 1000, 1000L);
    return sizes;
  }

  /** Embeddings of 50,257 tokens and 1,024 positions, then layers; the head is the embedding. */
  private static List<Long> gpt2(int layers, long d) {
    List<Long> sizes = new ArrayList<>(List.of(50_257 * d, 1024 * d));
    for (int layer = 0; layer < layers; layer++) {
      Collections.addAll(sizes, d, d, d * 3 * d, 3 * d, d * d, d);
      Collections.addAll(sizes, d, d, d * 4 * d, 4 * d, 4 * d * d, d);
    }
    Collections.addAll(sizes, d, d);
    return sizes;
  }

  /** Embeddings of 30,522 tokens, 512 positions and 2 segments; layers; pooler and both heads. */
  private static List<Long> bert(int layers, long d) {
    List<Long> sizes = new ArrayList<>(List.of(30_522 * d, 512 * d, 2 * d, d, d));
    for (int layer = 0; layer < layers; layer++) {
      Collections.addAll(sizes, d * d, d, d * d, d, d * d, d, d * d, d, d, d);
      Collections.addAll(sizes, d * 4 * d, 4 * d, 4 * d * d, d, d, d);
    }
    Collections.addAll(sizes, d * d, d, 30_522L, d * d, d, d, d, 2 * d, 2L);
    return sizes;
  }

  /** Embedding and head of 32,000 tokens, no biases. */
  private static List<Long> llama(int layers, long d, long hidden) {
    List<Long> sizes = new ArrayList<>(List.of(32_000 * d));
    for (int layer = 0; layer < layers; layer++) {
      Collections.addAll(sizes, d * d, d * d, d * d, d * d);
      Collections.addAll(sizes, d * hidden, d * hidden, d * hidden, d, d);
    }
    Collections.addAll(sizes, d, 32_000 * d);
    return sizes;
  }
}
