package dev.warpstep.cli.bench;

import java.util.Arrays;
import java.util.List;

/**
 * Times contenders in turn, so that whatever slows the machine down for a moment slows all of them
 * down, and the median of the ratios of one round says more than the ratio of two medians.
 */
public final class Race {
  private static final int MOST_ROUNDS = 101;
  private static final int FEWEST_ROUNDS = 3;

  private final Place place;
  private final List<? extends Contender> contenders;
  private int stepsPerSample;
  private final Runnable beforeRound;
  private final double[][] millis;
  private int rounds;

  /**
   * A race that has not begun.
   *
   * @param stepsPerSample steps that are timed together, at most
   * @param beforeRound what is done before each round, untimed
   */
  public Race(
      Place place, List<? extends Contender> contenders, int stepsPerSample, Runnable beforeRound) {
    this.place = place;
    this.contenders = List.copyOf(contenders);
    this.stepsPerSample = stepsPerSample;
    this.beforeRound = beforeRound;
    this.millis = new double[contenders.size()][MOST_ROUNDS];
  }

  /**
   * Measures, after a quarter of the time has been spent on warming up.
   *
   * @param seconds to take; at least three rounds are made
   */
  public void run(double seconds) {
    long begin = System.nanoTime();
    fitSteps(seconds);
    do {
      round();
    } while (secondsSince(begin) < seconds / 4);
    rounds = 0;
    do {
      round();
      rounds++;
    } while (rounds < MOST_ROUNDS && (rounds < FEWEST_ROUNDS || secondsSince(begin) < seconds));
  }

  /** Fewer steps in a sample where the warm-up and a few rounds would not fit into the time. */
  private void fitSteps(double seconds) {
    int most = stepsPerSample;
    stepsPerSample = 1;
    round();
    double roundMillis = 0;
    for (double[] samples : millis) {
      roundMillis += samples[0];
    }
    double roundsMillis = roundMillis * 2 * (FEWEST_ROUNDS + 1);
    stepsPerSample = Math.clamp((long) (1e3 * seconds / roundsMillis), 1, most);
  }

  private static double secondsSince(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }

  /** Each goes first in its turn. */
  private void round() {
    beforeRound.run();
    for (int i = 0; i < contenders.size(); i++) {
      int which = (i + rounds) % contenders.size();
      Contender contender = contenders.get(which);
      contender.step(); // untimed: the others' arrays leave the cache
      double taken =
          place.milliseconds(
              () -> {
                for (int step = 0; step < stepsPerSample; step++) {
                  contender.step();
                }
              });
      millis[which][rounds] = taken / stepsPerSample;
    }
  }

  /** Steps that were timed together. */
  public int stepsPerSample() {
    return stepsPerSample;
  }

  /** Milliseconds that a step of a contender takes. */
  public Samples millis(int contender) {
    return new Samples(Arrays.copyOf(millis[contender], rounds));
  }

  /** Bytes that a contender moves per nanosecond, by its median. */
  public double gigabytesPerSecond(int contender) {
    return contenders.get(contender).bytesPerStep() / (millis(contender).median() * 1e6);
  }

  /** Time of one contender over that of another, round by round. */
  public Samples ratios(int numerator, int denominator) {
    double[] ratios = new double[rounds];
    for (int round = 0; round < rounds; round++) {
      ratios[round] = millis[numerator][round] / millis[denominator][round];
    }
    return new Samples(ratios);
  }
}
