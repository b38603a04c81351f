package dev.warpstep.golden;

import java.util.Arrays;

/**
 * Initial parameters and gradients of the golden cases, as functions of (seed, tensor, step,
 * index).
 *
 * <p>The twin of {@code Inputs} in {@code src/test/golden/generate.py}; {@link GoldenInputsTest}
 * holds the two together. Every value but the bowl's gradient is exact in {@code float}, hence the
 * same number in both dtypes. The bowl's gradient depends on the parameter and takes one rounding
 * per operation in the working dtype.
 *
 * @param seed of the case
 */
public record GoldenInputs(long seed) {
  /** Which gradient a case uses. */
  public enum Gradient {
    /**
     * A sign, 24 bits and an exponent, 2<sup>-19</sup> ≤ |g| &lt; 16 or zero; 2<sup>15</sup> of
     * that range belongs to the element for good, 2<sup>7</sup> to the step.
     */
    WILD,
    /** {@link #WILD} up to step 20, then exactly zero. */
    VANISHING,
    /** {@code slope · (p − centre)}. */
    BOWL
  }

  private static final int LAST_VANISHING_STEP = 20;
  private static final int LARGEST_WHOLE = 64;
  private static final int SAMPLED_HEAD = 8;
  private static final int SAMPLED_MIDDLE = 40;
  private static final int SAMPLED_TAIL = 16;

  // What is drawn; the number enters the hash.
  private static final int INITIAL = 0;
  private static final int SCALE = 1;
  private static final int GRADIENT = 2;
  private static final int SLOPE = 3;
  private static final int CENTRE = 4;

  private static final long GAMMA = 0x9E3779B97F4A7C15L;

  /** Uniform in [−2, 2), a multiple of 2<sup>-22</sup>. */
  public float initial(int tensor, long index) {
    long mantissa = (bits(INITIAL, tensor, 0, index) >>> 40) - (1L << 23);
    return Math.scalb((float) mantissa, -22);
  }

  /** The gradient of {@link Gradient#WILD}. */
  public float wild(int tensor, int step, long index) {
    long scale = bits(SCALE, tensor, 0, index);
    long drawn = bits(GRADIENT, tensor, step, index);
    if ((scale >>> 4 & 15) == 0 || (drawn & 15) == 0) {
      return 0;
    }
    int exponent = (int) ((scale & 15) + (drawn >>> 4 & 7));
    float magnitude = Math.scalb((float) (1L << 23 | drawn >>> 41), -20 - exponent);
    return (drawn >>> 8 & 1) == 1 ? -magnitude : magnitude;
  }

  /** The gradient of {@link Gradient#VANISHING}. */
  public float vanishing(int tensor, int step, long index) {
    return step > LAST_VANISHING_STEP ? 0 : wild(tensor, step, index);
  }

  /** Uniform in [1/4, 1), a multiple of 2<sup>-24</sup>. */
  public float slope(int tensor, long index) {
    long drawn = bits(SLOPE, tensor, 0, index) >>> 42;
    return Math.scalb((float) ((1L << 22) + 3 * drawn), -24);
  }

  /** 4 ≤ |c| &lt; 8, a multiple of 2<sup>-20</sup>: never close to an initial parameter. */
  public float centre(int tensor, long index) {
    long drawn = bits(CENTRE, tensor, 0, index);
    float magnitude = Math.scalb((float) ((1L << 22) + (drawn >>> 42)), -20);
    return (drawn & 1) == 1 ? -magnitude : magnitude;
  }

  /** The gradient of {@link Gradient#BOWL} in float32. */
  public float bowl(int tensor, long index, float parameter) {
    return slope(tensor, index) * (parameter - centre(tensor, index));
  }

  /** The gradient of {@link Gradient#BOWL} in float64. */
  public double bowl(int tensor, long index, double parameter) {
    return slope(tensor, index) * (parameter - centre(tensor, index));
  }

  /** The initial parameter, {@code size} elements. */
  public float[] initialFloats(int tensor, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = initial(tensor, i);
    }
    return values;
  }

  /** The initial parameter, {@code size} elements. */
  public double[] initialDoubles(int tensor, int size) {
    double[] values = new double[size];
    for (int i = 0; i < size; i++) {
      values[i] = initial(tensor, i);
    }
    return values;
  }

  /**
   * The gradient for a step.
   *
   * @param step from 1
   * @param parameter the values before the step
   */
  public float[] gradient(Gradient kind, int tensor, int step, float[] parameter) {
    float[] values = new float[parameter.length];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (kind) {
            case WILD -> wild(tensor, step, i);
            case VANISHING -> vanishing(tensor, step, i);
            case BOWL -> bowl(tensor, i, parameter[i]);
          };
    }
    return values;
  }

  /**
   * The gradient for a step.
   *
   * @param step from 1
   * @param parameter the values before the step
   */
  public double[] gradient(Gradient kind, int tensor, int step, double[] parameter) {
    double[] values = new double[parameter.length];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (kind) {
            case WILD -> wild(tensor, step, i);
            case VANISHING -> vanishing(tensor, step, i);
            case BOWL -> bowl(tensor, i, parameter[i]);
          };
    }
    return values;
  }

  /**
   * The elements of a tensor which are stored, ascending: all of up to 64, otherwise the first 8,
   * the last 16 and 40 spread evenly between.
   */
  public static int[] sampleIndices(int size) {
    if (size <= LARGEST_WHOLE) {
      int[] all = new int[size];
      Arrays.setAll(all, i -> i);
      return all;
    }
    int[] sampled = new int[LARGEST_WHOLE];
    for (int i = 0; i < SAMPLED_HEAD; i++) {
      sampled[i] = i;
    }
    long between = (long) size - SAMPLED_HEAD - SAMPLED_TAIL;
    for (int i = 0; i < SAMPLED_MIDDLE; i++) {
      sampled[SAMPLED_HEAD + i] = SAMPLED_HEAD + (int) (between * i / SAMPLED_MIDDLE);
    }
    for (int i = 0; i < SAMPLED_TAIL; i++) {
      sampled[SAMPLED_HEAD + SAMPLED_MIDDLE + i] = size - SAMPLED_TAIL + i;
    }
    return sampled;
  }

  private long bits(int stream, int tensor, int step, long index) {
    long key = mix(seed + GAMMA * (stream + 1));
    key = mix(key + GAMMA * (tensor + 1));
    key = mix(key + GAMMA * (step + 1));
    return mix(key + GAMMA * (index + 1));
  }

  /** The finaliser of SplitMix64. */
  private static long mix(long z) {
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
