package dev.warpstep.cli.bench;

import dev.warpstep.Parameter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The gradients of a model. They change their signs between samples, so that parameters wander
 * around their place however many steps are timed, and the first moment never settles: with one
 * gradient for ever, parameters would grow by the learning rate in each step.
 */
public final class Gradients {
  private final List<MemorySegment> tensors;
  private final float[] positive;
  private final float[] negative;
  private boolean flipped;

  /**
   * Fills gradients.
   *
   * @param tile values to be repeated
   */
  public Gradients(List<MemorySegment> tensors, float[] tile) {
    this.tensors = List.copyOf(tensors);
    this.positive = tile.clone();
    this.negative = tile.clone();
    for (int i = 0; i < negative.length; i++) {
      negative[i] = -negative[i];
    }
    fill(tensors, positive);
  }

  /**
   * Fills the gradients of parameters in host memory with what {@link Values#tile()} has.
   *
   * @throws java.util.NoSuchElementException if one has none
   */
  public static Gradients of(List<Parameter> parameters) {
    return new Gradients(
        parameters.stream().map(parameter -> parameter.gradient().orElseThrow()).toList(),
        Values.tile());
  }

  /** Where they are. */
  public List<MemorySegment> tensors() {
    return tensors;
  }

  /** Gives every gradient the other sign. */
  public void flip() {
    flipped = !flipped;
    fill(tensors, flipped ? negative : positive);
  }

  /** Writes a tile over tensors again and again; the next tensor goes on where one ended. */
  public static void fill(List<MemorySegment> tensors, float[] tile) {
    int from = 0;
    for (MemorySegment tensor : tensors) {
      long count = tensor.byteSize() / Float.BYTES;
      for (long done = 0; done < count; ) {
        int length = (int) Math.min(tile.length - from, count - done);
        MemorySegment.copy(tile, from, tensor, ValueLayout.JAVA_FLOAT, done * Float.BYTES, length);
        done += length;
        from = (from + length) % tile.length;
      }
    }
  }
}
