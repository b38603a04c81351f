package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** That the witness of 16-bit types is to be believed. */
class ElementWitnessTest {
  private static final int PATTERNS = 1 << 16;
  private static final long SEED = 20_260_728;

  private static final double DEVIATIONS = 5;

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void everyPatternWidensAndComesBack(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    for (int i = 0; i < PATTERNS; i++) {
      short pattern = (short) i;
      float value = witness.widened(pattern);
      float expected =
          dtype == DType.FLOAT16
              ? Float.float16ToFloat(pattern)
              : Float.intBitsToFloat(pattern << 16);
      assertEquals(expected, value);
      if (Float.isNaN(value)) {
        assertTrue(Float.isNaN(witness.widened(witness.nearest(value))));
      } else {
        assertEquals(pattern, witness.nearest(value));
        assertEquals(pattern, witness.stochastic(value, 0));
        assertEquals(pattern, witness.stochastic(value, 0xFFFF));
      }
    }
  }

  @Test
  void roundsToFloat16AsTheJdkDoes() {
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < 1_000_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      short expected = Float.floatToFloat16(value);
      assertEquals(
          0, ElementWitness.FLOAT16.distance(expected, nearest16(value)), () -> "" + value);
    }
  }

  private static short nearest16(float value) {
    return ElementWitness.FLOAT16.nearest(value);
  }

  /** By decimal fractions: the rounded number is as near as both its neighbours, or nearer. */
  @Test
  void roundsToTheNearestBfloat16() {
    SplittableRandom random = new SplittableRandom(SEED);
    for (int i = 0; i < 20_000; i++) {
      // Every second one is a tie.
      int bits = random.nextInt();
      float value = Float.intBitsToFloat(i % 2 == 0 ? bits : (bits & 0xFFFF0000) | 0x8000);
      if (!(Math.abs(value) < 0x1.fcp127f)) {
        continue; // next to infinity, which has no decimal fraction
      }
      short rounded = ElementWitness.BFLOAT16.nearest(value);
      BigDecimal error = errorOf(rounded, value);
      int up = error.compareTo(errorOf((short) (rounded + 1), value));
      int down =
          (rounded & 0x7FFF) == 0 ? -1 : error.compareTo(errorOf((short) (rounded - 1), value));
      assertTrue(up <= 0 && down <= 0, () -> "" + value);
      assertTrue((up < 0 && down < 0) || rounded % 2 == 0, () -> "tie " + value);
    }
  }

  private static BigDecimal errorOf(short pattern, float value) {
    float rounded = Float.intBitsToFloat(pattern << 16);
    return new BigDecimal(rounded).subtract(new BigDecimal(value)).abs();
  }

  /** Halfway to the power of two that would come next begins infinity. */
  @Test
  void overflowsWhereTheNextNumberWouldBeNearer() {
    short infinity16 = (short) 0x7C00;
    assertEquals(0x7BFF, ElementWitness.FLOAT16.nearest(Math.nextDown(65_520f)));
    assertEquals(infinity16, ElementWitness.FLOAT16.nearest(65_520f));
    assertEquals(0x7BFF, ElementWitness.FLOAT16.stochastic(65_504f, 0xFFFF));
    assertEquals(0x7BFF, ElementWitness.FLOAT16.stochastic(65_520f, 0x7FFF));
    assertEquals(infinity16, ElementWitness.FLOAT16.stochastic(65_520f, 0x8000));
    assertEquals(infinity16, ElementWitness.FLOAT16.stochastic(65_536f, 0));
    assertEquals(0x7F80, ElementWitness.BFLOAT16.nearest(Float.MAX_VALUE));
    assertEquals(0x7F7F, ElementWitness.BFLOAT16.stochastic(Float.MAX_VALUE, 0));
    assertEquals(0x7F80, ElementWitness.BFLOAT16.stochastic(Float.MAX_VALUE, 1));
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void stochasticRoundingKeepsInfinitiesAndNaN(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    for (int random : new int[] {0, 1, 0x7FFF, 0x8000, 0xFFFF}) {
      for (float value : new float[] {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        assertEquals(value, witness.widened(witness.stochastic(value, random)));
      }
      assertTrue(Float.isNaN(witness.widened(witness.stochastic(Float.NaN, random))));
    }
  }

  /**
   * The mean over n random numbers of where a value at the fraction f between its neighbours goes
   * has the deviation s = √(f(1 − f)/n), and by Bernstein's inequality is more than 5s + 5²/(3n)
   * away from f with a probability below 2·e<sup>-12.5</sup> = 8·10<sup>-6</sup>. A subnormal fp16
   * is cut below 2<sup>-16</sup> of the spacing first, which the bound adds.
   */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void stochasticRoundingIsUnbiased(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    SplittableRandom random = new SplittableRandom(SEED);
    int tensors = 1_000;
    int elements = 1_000;
    for (int tensor = 0; tensor < tensors; tensor++) {
      float value = StochasticRoundingValues.draw(witness, random, tensor % 2 == 0);
      int lower = witness.lower(Math.abs((double) value));
      double spacing = witness.magnitude(lower + 1) - witness.magnitude(lower);
      double fraction = (Math.abs((double) value) - witness.magnitude(lower)) / spacing;
      int ups = 0;
      for (int element = 0; element < elements; element++) {
        long bits = ElementWitness.randomBits(SEED, 3, tensor, element);
        int rounded = witness.stochastic(value, (int) bits & 0xFFFF) & 0x7FFF;
        assertTrue(rounded == lower || rounded == lower + 1);
        ups += rounded - lower;
      }
      double deviation = Math.sqrt(fraction * (1 - fraction) / elements);
      double allowed = DEVIATIONS * deviation + DEVIATIONS * DEVIATIONS / (3 * elements) + 0x1p-16;
      assertEquals(fraction, (double) ups / elements, allowed, "of " + value);
    }
  }

  /** The sixteen bits of the parameter and of three states do not follow each other. */
  @Test
  void theRandomNumbersOfAnElementAreNotCorrelated() {
    int elements = 100_000;
    for (int a = 0; a < 4; a++) {
      for (int b = 0; b < a; b++) {
        double sum = 0;
        for (int element = 0; element < elements; element++) {
          long bits = ElementWitness.randomBits(SEED, 0, 0, element);
          sum += centred(bits, a) * centred(bits, b);
        }
        // The product of two uniform numbers in ±1/2 has the variance 1/144.
        double allowed = DEVIATIONS / 12 / Math.sqrt(elements);
        assertEquals(0, sum / elements, allowed, a + " and " + b);
      }
    }
  }

  private static double centred(long bits, int part) {
    return ((bits >>> (16 * part) & 0xFFFF) + 0.5) / PATTERNS - 0.5;
  }
}
