package dev.warpstep.cli.bench;

import dev.warpstep.DType;
import dev.warpstep.Parameter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/**
 * Values to fill tensors with, by repetition. Not a power of two, so that equal values do not meet
 * in equal places of a vector.
 */
public final class Values {
  /** How many values there are before they repeat. */
  public static final int TILE_ELEMENTS = 65_521;

  private static final long SEED = 42;

  private Values() {}

  /** Of either sign, up to half larger or smaller than a magnitude. */
  public static float[] tile(float magnitude) {
    Random random = new Random(SEED);
    float[] tile = new float[TILE_ELEMENTS];
    for (int i = 0; i < tile.length; i++) {
      float sign = random.nextBoolean() ? 1 : -1;
      tile[i] = sign * magnitude * (0.5f + random.nextFloat());
    }
    return tile;
  }

  /** As in training: magnitudes around 1e-2. */
  public static float[] tile() {
    return tile(1e-2f);
  }

  /** Every value with the other sign. */
  static float[] negated(float[] tile) {
    float[] negated = tile.clone();
    for (int i = 0; i < negated.length; i++) {
      negated[i] = -negated[i];
    }
    return negated;
  }

  /** A tile as elements of a type, each rounded to the nearest. */
  static MemorySegment encoded(float[] tile, DType dtype) {
    MemorySegment encoded =
        Arena.ofAuto().allocate((long) dtype.sizeBytes() * tile.length, Double.BYTES);
    Parameter.of("tile", dtype, encoded).copyFrom(tile);
    return encoded;
  }

  /** A tile again and again. */
  public static float[] repeated(float[] tile, int count) {
    float[] values = new float[count];
    for (int done = 0; done < count; done += tile.length) {
      System.arraycopy(tile, 0, values, done, Math.min(tile.length, count - done));
    }
    return values;
  }
}
