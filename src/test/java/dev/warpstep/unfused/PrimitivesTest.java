package dev.warpstep.unfused;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

final class PrimitivesTest {
  private static final long SEED = 31;

  @Test
  void flushesExactlyWhatIsBelowTheSmallestNormalNumber() {
    float[] edges = {
      0f,
      -0f,
      Float.MIN_VALUE,
      -Float.MIN_VALUE,
      Math.nextDown(Float.MIN_NORMAL),
      -Math.nextDown(Float.MIN_NORMAL),
      Float.MIN_NORMAL,
      -Float.MIN_NORMAL,
      1f,
      -Float.MAX_VALUE,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN
    };
    for (float value : edges) {
      assertFlushedBySelection(value);
    }
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < 1_000_000; i++) {
      assertFlushedBySelection(Float.intBitsToFloat(random.nextInt()));
    }
  }

  private static void assertFlushedBySelection(float value) {
    float expected = Math.abs(value) < Float.MIN_NORMAL ? 0f : value;
    assertEquals(
        Float.floatToIntBits(expected),
        Float.floatToIntBits(Primitives.flushed(value)),
        () -> "seed %d, value %s".formatted(SEED, value));
  }
}
