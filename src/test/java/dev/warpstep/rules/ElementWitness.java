package dev.warpstep.rules;

import dev.warpstep.DType;
import java.util.Arrays;

/**
 * What a 16-bit type can hold, and how fp32 values are rounded to it: by search among all of its
 * numbers, in double, where everything here is exact.
 *
 * <pre>
 *   lower ≤ |x| &lt; upper          neighbours in the list of magnitudes; infinity stands where the
 *                                next power of two would be
 *   nearest        upper if |x| is closer to it, of a tie the one with the even pattern
 *   stochastic     upper if the part of the spacing that lies below |x|, in steps of the random
 *                  number's, and the random number add up to the whole spacing
 * </pre>
 *
 * <p>Both are symmetric about zero and keep zeros, infinities and NaN.
 */
final class ElementWitness {
  /** Of bfloat16 and binary16. */
  static final ElementWitness BFLOAT16 = new ElementWitness(8, 7);

  static final ElementWitness FLOAT16 = new ElementWitness(5, 10);

  private static final int SIGN = 0x8000;
  private static final long GAMMA = 0x9E3779B97F4A7C15L;

  private final int mantissaBits;
  private final int bias;
  private final int infinity;

  /** The values of the patterns from 0 to infinity, ascending. */
  private final double[] magnitudes;

  private ElementWitness(int exponentBits, int mantissaBits) {
    this.mantissaBits = mantissaBits;
    this.bias = (1 << (exponentBits - 1)) - 1;
    this.infinity = ((1 << exponentBits) - 1) << mantissaBits;
    this.magnitudes = new double[infinity + 1];
    for (int pattern = 0; pattern <= infinity; pattern++) {
      int exponent = pattern >> mantissaBits;
      int fraction = pattern & ((1 << mantissaBits) - 1);
      int significand = exponent == 0 ? fraction : fraction | 1 << mantissaBits;
      magnitudes[pattern] =
          Math.scalb((double) significand, Math.max(exponent, 1) - bias - mantissaBits);
    }
  }

  /** Of a 16-bit type. */
  static ElementWitness of(DType dtype) {
    return switch (dtype) {
      case BFLOAT16 -> BFLOAT16;
      case FLOAT16 -> FLOAT16;
      default -> throw new IllegalArgumentException(dtype + " has no 16 bits");
    };
  }

  /** The value of a pattern, exactly. */
  float widened(short pattern) {
    int magnitude = pattern & (SIGN - 1);
    float value =
        magnitude > infinity
            ? Float.NaN
            : magnitude == infinity ? Float.POSITIVE_INFINITY : (float) magnitudes[magnitude];
    return pattern < 0 ? -value : value;
  }

  /** The pattern of the nearest value; of a tie the even one. */
  short nearest(float value) {
    if (Float.isNaN(value)) {
      return notANumber();
    }
    double magnitude = Math.abs((double) value);
    int lower = lower(magnitude);
    if (lower == infinity || magnitude == magnitudes[lower]) {
      return signed(value, lower);
    }
    double below = magnitude - magnitudes[lower];
    double above = magnitudes[lower + 1] - magnitude;
    boolean up = below > above || (below == above && lower % 2 == 1);
    return signed(value, up ? lower + 1 : lower);
  }

  /**
   * The pattern of one of the two neighbours.
   *
   * @param random 16 bits; in the normal range of fp16, which fp32 splits in 2<sup>13</sup> parts,
   *     the upper 13 count
   */
  short stochastic(float value, int random) {
    if (Float.isNaN(value)) {
      return notANumber();
    }
    double magnitude = Math.abs((double) value);
    int lower = lower(magnitude);
    if (lower == infinity) {
      return signed(value, infinity);
    }
    boolean halved = mantissaBits == 10 && lower >> mantissaBits > 0;
    int parts = halved ? 1 << 13 : 1 << 16;
    double spacing = magnitudes[lower + 1] - magnitudes[lower];
    double below = Math.floor((magnitude - magnitudes[lower]) / spacing * parts);
    boolean up = below + (halved ? random >> 3 : random) >= parts;
    return signed(value, up ? lower + 1 : lower);
  }

  /** The largest pattern whose value is not above a magnitude. */
  int lower(double magnitude) {
    int found = Arrays.binarySearch(magnitudes, magnitude);
    return found >= 0 ? found : Math.min(-found - 2, infinity);
  }

  /** The magnitude of a pattern without sign; of infinity, the number that would come next. */
  double magnitude(int pattern) {
    return magnitudes[pattern];
  }

  /** The pattern of infinity. */
  int infinity() {
    return infinity;
  }

  short[] nearest(float[] values) {
    short[] patterns = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      patterns[i] = nearest(values[i]);
    }
    return patterns;
  }

  float[] widened(short[] patterns) {
    float[] values = new float[patterns.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = widened(patterns[i]);
    }
    return values;
  }

  /**
   * How many numbers two patterns are apart: 0 for two zeros and two NaN, very many for a number
   * and NaN.
   */
  int distance(short a, short b) {
    boolean aIsNumber = (a & (SIGN - 1)) <= infinity;
    boolean bIsNumber = (b & (SIGN - 1)) <= infinity;
    if (!aIsNumber || !bIsNumber) {
      return aIsNumber == bIsNumber ? 0 : 2 * SIGN;
    }
    return Math.abs(position(a) - position(b));
  }

  private static int position(short pattern) {
    return pattern < 0 ? -(pattern & (SIGN - 1)) : pattern;
  }

  private static short signed(float value, int magnitude) {
    boolean negative = Float.floatToRawIntBits(value) < 0;
    return (short) (negative ? magnitude | SIGN : magnitude);
  }

  private short notANumber() {
    return (short) (infinity | 1 << (mantissaBits - 1));
  }

  /**
   * The 64 random bits of an element in a step: 16 for the parameter, the lowest, and for each
   * state.
   *
   * @param step how many were applied before
   * @param tensor position of the parameter in the optimizer
   */
  static long randomBits(long seed, long step, long tensor, long element) {
    return finalized(finalized(finalized(finalized(seed) + step) + tensor) + (element + 1) * GAMMA);
  }

  /** The finaliser of SplitMix64. */
  private static long finalized(long z) {
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
