package dev.warpstep.rules;

import java.util.random.RandomGenerator;

/** Values between two neighbours of a 16-bit type. */
final class StochasticRoundingValues {
  private StochasticRoundingValues() {}

  /**
   * A value of either sign below the largest finite one.
   *
   * @param subnormal whether it is below the normal numbers of the type, otherwise above
   */
  static float draw(ElementWitness witness, RandomGenerator random, boolean subnormal) {
    int smallestNormal = witness.lower(subnormalEnd(witness));
    int lower =
        subnormal
            ? random.nextInt(smallestNormal)
            : random.nextInt(smallestNormal, witness.infinity() - 1);
    double between = random.nextDouble(witness.magnitude(lower), witness.magnitude(lower + 1));
    return (float) (random.nextBoolean() ? -between : between);
  }

  private static double subnormalEnd(ElementWitness witness) {
    return witness == ElementWitness.FLOAT16 ? 0x1p-14 : Float.MIN_NORMAL;
  }
}
