package dev.warpstep.cli.data;

import dev.warpstep.cli.network.Samples;
import java.util.SplittableRandom;

/** Points evenly spaced in [-1, 1], with y = x² + 0.1·noise, the noise standard normal. */
public final class Parabola implements Samples {
  private final float[] x;
  private final float[] y;

  /**
   * Points whose noise is drawn from a seed.
   *
   * @param count at least 2
   */
  public Parabola(int count, long seed) {
    SplittableRandom noise = new SplittableRandom(seed);
    x = new float[count];
    y = new float[count];
    for (int i = 0; i < count; i++) {
      double at = -1 + 2.0 * i / (count - 1);
      x[i] = (float) at;
      y[i] = (float) (at * at + 0.1 * noise.nextGaussian());
    }
  }

  @Override
  public int count() {
    return x.length;
  }

  @Override
  public int width() {
    return 1;
  }

  @Override
  public void read(int sample, float[] into) {
    into[0] = x[sample];
  }

  /** y of each point, not copied. */
  public float[] targets() {
    return y;
  }
}
