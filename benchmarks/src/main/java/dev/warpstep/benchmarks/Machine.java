package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.MachineLine;
import dev.warpstep.cli.bench.Place;
import java.io.IOException;
import java.util.Map;

/** What every published number must come with. */
public final class Machine {
  private static final Map<String, String> DEFAULTS = Map.of("device", "cpu");

  private Machine() {}

  /** Prints one line about the machine. */
  public static void main(String[] args) throws IOException {
    try (Place place = Place.of(Options.parse(DEFAULTS, args).text("device"))) {
      MachineLine.of(place.description()).print();
    }
  }
}
