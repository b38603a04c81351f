package dev.warpstep.benchmarks;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What an iteration's time means. JMH's own table shows the sums over the iterations, the lines
 * that {@link Jmh} prints show the means.
 */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.EVENTS)
public class Reading {
  /** Bytes that an operation moves, in millions. */
  public double megabytes;

  /** Bytes moved per nanosecond. */
  public double gigabytesPerSecond;

  /** Bandwidth of the operation over that of a copy. */
  public double shareOfCopy;

  /** Bandwidth of the operation over that of four reads and three writes. */
  public double shareOfStream;

  /** Time of an operation by the clock of the device. */
  public double deviceMicroseconds;

  private Meter meter;

  /** Counts an operation that a meter measures. */
  void count(Meter newMeter) {
    meter = newMeter;
    meter.count();
  }

  /** Does an operation that a meter measures alone. */
  void time(Meter newMeter, Runnable operation) {
    meter = newMeter;
    meter.time(operation);
  }

  /** Reads the meter. */
  @TearDown(Level.Iteration)
  public void read() {
    meter.end(this);
  }
}
