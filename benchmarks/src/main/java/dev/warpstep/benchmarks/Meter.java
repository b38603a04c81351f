package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Contender;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Samples;

/**
 * What the time of an operation means in terms of memory: before each iteration it times a copy and
 * a stream of four reads and three writes, and during it the place's own clock runs, on CUDA that
 * of the device.
 */
final class Meter implements AutoCloseable {
  private static final int SAMPLES = 5;
  private static final long WARM_UP_NANOS = 1_000_000_000;

  private final Place place;
  private final long bytes;
  private final Contender copy;
  private final Contender stream;
  private final double[] millis = new double[SAMPLES];
  private double copyRate;
  private double streamRate;
  private double timedMillis;
  private long operations;

  /**
   * @param bytes that an operation moves
   */
  Meter(Place place, long bytes) {
    this.place = place;
    this.bytes = bytes;
    this.copy = place.copy(place.probeElements());
    this.stream = place.stream(place.probeElements());
    // The profiler counts what happens between iterations too, and the probes allocate until they
    // are compiled.
    for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
      rate(copy);
      rate(stream);
    }
  }

  /** Starts the clock. */
  void begin() {
    copyRate = rate(copy);
    streamRate = rate(stream);
    operations = 0;
    timedMillis = 0;
    place.startClock();
  }

  /** Counts an operation, timed by the clock that {@link #begin} started. */
  void count() {
    operations++;
  }

  /** Does an operation whose time alone counts in this iteration, until the device is done. */
  void time(Runnable operation) {
    timedMillis += place.milliseconds(operation);
    operations++;
  }

  /** Stops the clock and writes what it tells. */
  void end(Reading reading) {
    double millisEach = (timedMillis > 0 ? timedMillis : place.stopClock()) / operations;
    double rate = bytes / (millisEach * 1e6);
    reading.megabytes = bytes / 1e6;
    reading.gigabytesPerSecond = rate;
    reading.shareOfCopy = rate / copyRate;
    reading.shareOfStream = rate / streamRate;
    reading.deviceMicroseconds = millisEach * 1e3;
  }

  /** GB/s. */
  private double rate(Contender probe) {
    probe.step();
    for (int sample = 0; sample < SAMPLES; sample++) {
      place.startClock();
      probe.step();
      millis[sample] = place.stopClock();
    }
    return probe.bytesPerStep() / (new Samples(millis).median() * 1e6);
  }

  @Override
  public void close() {
    copy.close();
    stream.close();
  }
}
