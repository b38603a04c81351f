package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against a search for the nearest value, in exact arithmetic. */
final class StateConversionTest {
  private static final long SEED = 5;

  private static StateTensor convert(DType to, double... values) {
    return StateConversion.convert(
        "x",
        new StateTensor(
            DType.FLOAT64, List.of((long) values.length), MemorySegment.ofArray(values)),
        to);
  }

  /** Magnitudes of a 16 bit type are in the order of their bits. */
  private static double magnitude(DType type, int bits) {
    return type.elementType().get(MemorySegment.ofArray(new short[] {(short) bits}), 0);
  }

  /** The nearest, and of two that are as near the one whose bits are even. */
  private static int nearest(DType type, double value) {
    int below = 0;
    int above = type == DType.FLOAT16 ? 0x7BFF : 0x7F7F;
    while (above - below > 1) {
      int middle = (below + above) / 2;
      if (magnitude(type, middle) <= value) {
        below = middle;
      } else {
        above = middle;
      }
    }
    BigDecimal exact = new BigDecimal(value);
    int nearer =
        exact
            .subtract(new BigDecimal(magnitude(type, below)))
            .compareTo(new BigDecimal(magnitude(type, above)).subtract(exact));
    return nearer < 0 || (nearer == 0 && below % 2 == 0) ? below : above;
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void doublesAreRoundedOnce(DType to) {
    SplittableRandom random = new SplittableRandom(SEED);
    double[] values = new double[20_000];
    int[] expected = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      int bits = random.nextInt(to == DType.FLOAT16 ? 0x7BFF : 0x7F7F);
      double tie = (magnitude(to, bits) + magnitude(to, bits + 1)) / 2;
      // A float in between would round what is a hair beside a tie to the tie, and that to even.
      values[i] =
          switch (i % 4) {
            case 0 -> tie;
            case 1 -> Math.nextUp(tie);
            case 2 -> Math.nextDown(tie);
            default -> tie * random.nextDouble(0.5, 1);
          };
      expected[i] = nearest(to, values[i]);
      if (random.nextBoolean()) {
        values[i] = -values[i];
        expected[i] |= 0x8000;
      }
    }
    short[] converted = convert(to, values).values().toArray(ValueLayout.JAVA_SHORT);
    for (int i = 0; i < values.length; i++) {
      assertEquals(expected[i], converted[i] & 0xFFFF, "seed %d: %s".formatted(SEED, values[i]));
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatEveryTypeHoldsGoesThroughEveryOther(DType type) {
    double[] values = {0, -0.0, 1, -1.5, 0x1p-14, 1.0078125, Double.POSITIVE_INFINITY, Double.NaN};
    StateTensor there = convert(type, values);
    for (DType other : DType.values()) {
      StateTensor back = StateConversion.convert("x", there, other);
      assertEquals(other, back.dtype());
      double[] found = back.toDoubleArray();
      for (int i = 0; i < values.length; i++) {
        assertEquals(values[i], found[i]);
      }
    }
  }

  @Test
  void thereIsAnEndToEachRange() {
    assertEquals(65_504, convert(DType.FLOAT16, 65_519.99).toDoubleArray()[0]);
    assertThrows(IllegalArgumentException.class, () -> convert(DType.FLOAT16, 65_520));
    assertThrows(IllegalArgumentException.class, () -> convert(DType.BFLOAT16, -3.4e38));
    assertThrows(IllegalArgumentException.class, () -> convert(DType.FLOAT32, 3.5e38));
  }
}
