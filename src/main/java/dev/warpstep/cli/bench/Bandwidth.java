package dev.warpstep.cli.bench;

import java.util.ArrayList;
import java.util.List;

/** What the machine's memory gives, measured again and again in the same run. */
public final class Bandwidth {
  private final List<Double> copies = new ArrayList<>();
  private final List<Double> streams = new ArrayList<>();

  /** Measures once more. */
  public void measure(Place place, int elements, double seconds) {
    try (Contender copy = place.copy(elements);
        Contender stream = place.stream(elements)) {
      Race race = new Race(place, List.of(copy, stream), 1, () -> {});
      race.run(seconds);
      copies.add(race.gigabytesPerSecond(0));
      streams.add(race.gigabytesPerSecond(1));
    }
  }

  /** GB/s of a copy, read and written bytes together: the median. */
  public double copy() {
    return median(copies);
  }

  /** GB/s of four reads and three writes: the median. */
  public double stream() {
    return median(streams);
  }

  private static double median(List<Double> values) {
    return new Samples(values.stream().mapToDouble(Double::doubleValue).toArray()).median();
  }
}
