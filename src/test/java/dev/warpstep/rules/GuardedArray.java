package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Room for tensors, each between two guards that nobody may write.
 *
 * <pre>
 *   slab   | 64-byte boundary
 *          | guard, 16 + offset floats | tensor | guard, 16 floats |
 * </pre>
 */
final class GuardedArray {
  /** As wide as the widest vector. */
  private static final int GUARD = 16;

  private static final float PATTERN = Float.intBitsToFloat(0x5CA1AB1E);

  private final MemorySegment slab;
  private final int offset;
  private final float[] copy;

  /**
   * @param slab where the room is; a native one begins at a multiple of 64 bytes
   * @param offset of every tensor from such a boundary, in floats
   */
  GuardedArray(MemorySegment slab, int offset) {
    this.slab = slab;
    this.offset = offset;
    this.copy = new float[Math.toIntExact(slab.byteSize() / Float.BYTES)];
  }

  /** Floats of a slab for a tensor. */
  static int slabElements(int largestTensor, int offset) {
    return largestTensor + offset + 2 * GUARD;
  }

  private int begin() {
    return GUARD + offset;
  }

  /** A tensor filled with {@code count} values from an index on, with fresh guards. */
  MemorySegment fill(float[] values, int from, int count) {
    guard(0, begin());
    guard(begin() + count, begin() + count + GUARD);
    set(values, from, count);
    return slab.asSlice((long) begin() * Float.BYTES, (long) count * Float.BYTES);
  }

  /** Overwrites the values of the tensor. */
  void set(float[] values, int from, int count) {
    MemorySegment.copy(
        values, from, slab, ValueLayout.JAVA_FLOAT, (long) begin() * Float.BYTES, count);
  }

  private void guard(int from, int to) {
    for (int i = from; i < to; i++) {
      slab.setAtIndex(ValueLayout.JAVA_FLOAT, i, PATTERN);
    }
  }

  /** The tensor has the values by bits, NaN as NaN, and the guards are as they were. */
  void check(float[] expected, int from, int count, String what) {
    int all = begin() + count + GUARD;
    MemorySegment.copy(slab, ValueLayout.JAVA_FLOAT, 0, copy, 0, all);
    for (int i = 0; i < count; i++) {
      float actual = copy[begin() + i];
      // floatToIntBits makes all NaN one.
      if (Float.floatToIntBits(actual) != Float.floatToIntBits(expected[from + i])) {
        fail(
            "%s: element %d is %s, the witness says %s"
                .formatted(
                    what, i, Float.toHexString(actual), Float.toHexString(expected[from + i])));
      }
    }
    for (int i = 0; i < all; i++) {
      if (i < begin() || i >= begin() + count) {
        assertEquals(PATTERN, copy[i], what + ": guard at element " + (i - begin()));
      }
    }
  }
}
