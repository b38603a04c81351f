package dev.warpstep.cli.bench;

import dev.warpstep.DType;
import dev.warpstep.Parameter;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Gradients in host memory. */
public final class HostGradients implements Gradients {
  private final List<MemorySegment> tensors;
  private final MemorySegment positive;
  private final MemorySegment negative;
  private boolean flipped;

  /**
   * Fills gradients.
   *
   * @param dtype of the gradients
   * @param tile values to be repeated
   */
  public HostGradients(List<MemorySegment> tensors, DType dtype, float[] tile) {
    this.tensors = List.copyOf(tensors);
    this.positive = Values.encoded(tile, dtype);
    this.negative = Values.encoded(Values.negated(tile), dtype);
    fill(tensors, positive);
  }

  /**
   * Fills the gradients of parameters in host memory, whose type they have, with what {@link
   * Values#tile()} has.
   *
   * @throws java.util.NoSuchElementException if one has none
   */
  public static HostGradients of(Precision precision, List<Parameter> parameters) {
    return new HostGradients(
        parameters.stream().map(parameter -> parameter.gradient().orElseThrow()).toList(),
        precision.dtype(),
        Values.tile());
  }

  /** Where they are. */
  public List<MemorySegment> tensors() {
    return tensors;
  }

  @Override
  public void flip() {
    flipped = !flipped;
    fill(tensors, flipped ? negative : positive);
  }

  /** Writes a tile over each tensor again and again. */
  static void fill(List<MemorySegment> tensors, MemorySegment tile) {
    for (MemorySegment tensor : tensors) {
      for (long done = 0; done < tensor.byteSize(); done += tile.byteSize()) {
        long length = Math.min(tile.byteSize(), tensor.byteSize() - done);
        MemorySegment.copy(tile, 0, tensor, done, length);
      }
    }
  }

  @Override
  public void close() {
    // The memory is the parameters'.
  }
}
