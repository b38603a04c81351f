package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * How steps on the CPU read and round 16-bit parameters, bit by bit against the witness. A step of
 * SGD with lr 1 from zero writes the negative gradient, which may be fp32, and nothing else.
 */
class ElementRoundingTest {
  private static final int PATTERNS = 1 << 16;
  private static final int VALUES = 100_000;
  private static final long SEED = 20_260_728;

  /** With a gradient of zero: what is read is written. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void everyPatternIsReadAndWrittenAsItIs(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    short[] patterns = new short[PATTERNS];
    for (int i = 0; i < PATTERNS; i++) {
      patterns[i] = (short) i;
    }
    short[] values = patterns.clone();
    try (Device device = Device.cpu(1);
        Parameter parameter = Parameter.of("p", dtype, MemorySegment.ofArray(values));
        SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter))) {
      float[] widened = parameter.toArray();
      parameter.gradient(new float[PATTERNS]);
      sgd.step();
      for (int i = 0; i < PATTERNS; i++) {
        assertEquals(witness.widened(patterns[i]), widened[i]);
        if (Float.isNaN(widened[i])) {
          assertEquals(0, witness.distance(patterns[i], values[i]));
        } else {
          assertEquals(patterns[i], values[i]);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void roundsToNearest(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    float[] drawn = draw(witness);
    short[] rounded = new short[VALUES];
    try (Device device = Device.cpu(2);
        Parameter parameter = Parameter.of("p", dtype, MemorySegment.ofArray(rounded));
        SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter))) {
      parameter.gradient(negated(drawn));
      sgd.step();
      for (int i = 0; i < VALUES; i++) {
        assertSame(witness, witness.nearest(drawn[i]), rounded[i], drawn[i]);
      }
      parameter.copyFrom(drawn);
      for (int i = 0; i < VALUES; i++) {
        assertSame(witness, witness.nearest(drawn[i]), rounded[i], drawn[i]);
      }
    }
  }

  /** The second tensor and the third step, so that each enters the random numbers. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void roundsStochasticallyWithTheDocumentedNumbers(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    float[] drawn = draw(witness);
    float[] negated = negated(drawn);
    short[] first = new short[3];
    short[] second = new short[VALUES];
    try (Device device = Device.cpu(2);
        Parameter a = Parameter.of("a", dtype, MemorySegment.ofArray(first));
        Parameter b = Parameter.of("b", dtype, MemorySegment.ofArray(second));
        SGD sgd = SGD.builder().lr(1).stochasticRounding(SEED).build(device, List.of(a, b))) {
      a.gradient(new float[first.length]);
      b.gradient(negated);
      for (int step = 0; step < 3; step++) {
        Arrays.fill(second, (short) 0);
        sgd.step();
        for (int i = 0; i < VALUES; i++) {
          int random = (int) ElementWitness.randomBits(SEED, step, 1, i) & 0xFFFF;
          assertSame(witness, witness.stochastic(drawn[i], random), second[i], drawn[i]);
        }
      }
    }
  }

  /** The buffer of a first step of momentum is the gradient: bits 16 to 31 round it. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void roundsStateStochasticallyWithItsOwnBits(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    float[] drawn = draw(witness);
    try (Device device = Device.cpu(2);
        Parameter parameter = Parameter.of("p", new float[VALUES]);
        SGD sgd =
            SGD.builder()
                .momentum(0.9)
                .stateDtype(dtype)
                .stochasticRounding(SEED)
                .build(device, List.of(parameter))) {
      parameter.gradient(drawn.clone());
      sgd.step();
      float[] buffer = sgd.state().get(parameter).tensor("momentum_buffer").toArray();
      for (int i = 0; i < VALUES; i++) {
        if (Math.abs(drawn[i]) >= Float.MIN_NORMAL) { // smaller state is zero
          int random = (int) (ElementWitness.randomBits(SEED, 0, 0, i) >>> 16) & 0xFFFF;
          float expected = witness.widened(witness.stochastic(drawn[i], random));
          assertEquals(expected, buffer[i], "of " + drawn[i]);
        }
      }
    }
  }

  /** On average nothing is lost of updates far below the spacing, of which nearest loses all. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void stochasticRoundingKeepsSmallUpdatesOnAverage(DType dtype) {
    ElementWitness witness = ElementWitness.of(dtype);
    int elements = 10_000;
    int steps = 100;
    double spacing = witness.magnitude(witness.lower(1) + 1) - 1;
    float update = (float) (spacing / 64);
    short[] rounded = new short[elements];
    short[] nearest = new short[elements];
    Arrays.fill(rounded, witness.nearest(1));
    Arrays.fill(nearest, witness.nearest(1));
    try (Device device = Device.cpu(2);
        Parameter a = Parameter.of("a", dtype, MemorySegment.ofArray(rounded));
        Parameter b = Parameter.of("b", dtype, MemorySegment.ofArray(nearest));
        SGD stochastic = SGD.builder().lr(1).stochasticRounding(SEED).build(device, List.of(a));
        SGD plain = SGD.builder().lr(1).build(device, List.of(b))) {
      float[] gradient = new float[elements];
      Arrays.fill(gradient, -update);
      a.gradient(gradient);
      b.gradient(gradient.clone());
      for (int step = 0; step < steps; step++) {
        stochastic.step();
        plain.step();
      }
      double sum = 0;
      for (float value : a.toArray()) {
        sum += value - 1.0;
      }
      // A step moves an element by the whole spacing with probability 1/64: deviation spacing/8.
      double deviation = spacing / 8 * Math.sqrt((double) steps / elements);
      assertEquals((double) update * steps, sum / elements, 5 * deviation);
      for (float value : b.toArray()) {
        assertEquals(1, value);
      }
    }
  }

  /** A third each of any bits, of subnormal numbers of the type, and of its normal ones. */
  private static float[] draw(ElementWitness witness) {
    SplittableRandom random = new SplittableRandom(SEED);
    float[] values = new float[VALUES];
    for (int i = 0; i < VALUES; i++) {
      values[i] =
          i % 3 == 0
              ? Float.intBitsToFloat(random.nextInt())
              : StochasticRoundingValues.draw(witness, random, i % 3 == 1);
    }
    values[0] = Float.POSITIVE_INFINITY;
    values[3] = Float.NEGATIVE_INFINITY;
    values[6] = Float.NaN;
    values[9] = Float.MAX_VALUE;
    values[12] = 65_519;
    values[15] = 65_520;
    values[18] = -65_536;
    return values;
  }

  private static float[] negated(float[] values) {
    float[] negated = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      negated[i] = -values[i];
    }
    return negated;
  }

  private static void assertSame(
      ElementWitness witness, short expected, short actual, float value) {
    assertTrue(
        expected == actual || witness.distance(expected, actual) == 0,
        () ->
            "of %s: must be %s, was %s"
                .formatted(value, witness.widened(expected), witness.widened(actual)));
  }
}
