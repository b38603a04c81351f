package dev.warpstep.cli.network;

/** Inputs of a network, by index. */
public interface Samples {
  /** How many samples there are. */
  int count();

  /** How many values a sample has. */
  int width();

  /** Writes the values of a sample into an array of that width. */
  void read(int sample, float[] into);
}
