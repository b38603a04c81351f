package dev.warpstep.cli.bench;

import java.util.List;

/**
 * A model as an optimizer sees it.
 *
 * @param key for example {@code gpt2_124m}
 * @param sizes elements of each parameter tensor, in order
 */
public record ModelShape(String key, List<Long> sizes) {
  private static final long ELEMENTS_PER_SAMPLE = 20_000_000;
  private static final int MOST_STEPS_PER_SAMPLE = 200;

  /** Copies the list. */
  public ModelShape {
    sizes = List.copyOf(sizes);
  }

  /** Elements of all tensors together. */
  public long parameterCount() {
    return sizes.stream().mapToLong(Long::longValue).sum();
  }

  /**
   * Steps that are timed together, so that reading the clock does not show. Peers use the same
   * number.
   */
  public int stepsPerSample() {
    return Math.clamp(
        ELEMENTS_PER_SAMPLE / Math.max(1, parameterCount()), 1, MOST_STEPS_PER_SAMPLE);
  }
}
