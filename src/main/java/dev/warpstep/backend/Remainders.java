package dev.warpstep.backend;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What bf16 values lack of the fp32 values that they were rounded from, 16 bits each: {@code
 * to_bfloat16_and_remainder} of {@code kernels/elements.h} on the host.
 */
public final class Remainders {
  /** A storage of remainders has this type: 16 bits an element. */
  public static final ElementType TYPE = ElementType.BFLOAT16;

  private static final int NOT_A_NUMBER = 0x7FC0;

  private Remainders() {}

  /** bf16 values and remainders become fp32 values. */
  public static void join(MemorySegment upper, MemorySegment remainders, MemorySegment values) {
    for (long i = 0, count = upper.byteSize() / Short.BYTES; i < count; i++) {
      int bits =
          (upper.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i) << Short.SIZE)
              + remainders.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i);
      values.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i, bits);
    }
  }

  /** fp32 values become bf16 values and remainders. */
  public static void split(MemorySegment values, MemorySegment upper, MemorySegment remainders) {
    for (long i = 0, count = upper.byteSize() / Short.BYTES; i < count; i++) {
      int bits = values.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i);
      boolean isNaN = Float.isNaN(Float.intBitsToFloat(bits));
      int rounded = isNaN ? NOT_A_NUMBER : (bits + 0x8000) >>> Short.SIZE;
      upper.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) rounded);
      remainders.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) (isNaN ? 0 : bits));
    }
  }
}
