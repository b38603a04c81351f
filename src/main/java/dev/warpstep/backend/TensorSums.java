package dev.warpstep.backend;

import dev.warpstep.backend.bindings.WsSums;
import java.lang.foreign.MemorySegment;

/**
 * Sums over the elements of one tensor in one step.
 *
 * @param gradient squares, of the gradient as it lies in memory
 * @param parameter squares, after the update
 * @param update squares, of what the update added
 * @param zeros elements of the gradient that are zero
 */
public record TensorSums(double gradient, double parameter, double update, double zeros) {
  /** Of no elements. */
  public static final TensorSums NONE = new TensorSums(0, 0, 0, 0);

  /** Of this and then more elements: the order is part of the result. */
  public TensorSums plus(TensorSums more) {
    return new TensorSums(
        gradient + more.gradient,
        parameter + more.parameter,
        update + more.update,
        zeros + more.zeros);
  }

  /** Of the tiles of a tensor, one after the other: {@code WsSums[]} of {@code kernels/plan.h}. */
  public static TensorSums ofTiles(MemorySegment tiles, long firstTile, long tileCount) {
    TensorSums sums = NONE;
    for (long tile = firstTile; tile < firstTile + tileCount; tile++) {
      MemorySegment raw = WsSums.asSlice(tiles, tile);
      sums =
          sums.plus(
              new TensorSums(
                  WsSums.gradient(raw),
                  WsSums.parameter(raw),
                  WsSums.update(raw),
                  WsSums.zeros(raw)));
    }
    return sums;
  }
}
