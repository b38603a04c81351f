package dev.warpstep.rules;

/**
 * A rule's arithmetic in Java {@code float} with {@link Math#fma}: the kernels' operations in the
 * kernels' order, so that results agree bit for bit. Java's operations are correctly rounded on
 * every machine; what the kernels compute must not depend on theirs.
 */
public interface Witness {
  /**
   * One step of every element.
   *
   * @param step from 1
   * @param states in the order of the kernel's
   */
  void step(Settings settings, long step, float[] parameter, float[] gradient, float[][] states);
}
