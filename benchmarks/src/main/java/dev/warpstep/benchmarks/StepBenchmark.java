package dev.warpstep.benchmarks;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * {@code step()} with nothing changed since the last one. Each iteration times the probe first, on
 * arrays of the same sizes in the same kind of memory, so that every result comes with its share of
 * what the memory gave in that second.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms7g", "-Xmx7g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 7, time = 1)
public class StepBenchmark {
  private static final int PROBE_SAMPLES = 5;
  private static final long WARM_UP_NANOS = 1_500_000_000;

  @Param Rule rule;
  @Param Model model;
  @Param Memory memory;

  @Param({"1", "2"})
  int threads;

  private Fused fused;
  private Probe probe;
  private double probeNanos;

  /**
   * What the time of a step means in terms of memory. JMH's own table shows the sums over the
   * iterations, the lines that {@link Jmh} prints show the means.
   */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Bandwidth {
    /** Bytes that a step moves, in millions. */
    public double megabytes;

    /** Bytes moved per nanosecond. */
    public double gigabytesPerSecond;

    /** Bandwidth of the step over that of the probe. */
    public double shareOfProbe;

    private long steps;
    private long begin;

    /** Starts the clock. */
    @Setup(Level.Iteration)
    public void start(StepBenchmark benchmark) {
      benchmark.prepareIteration();
      steps = 0;
      begin = System.nanoTime();
    }

    /** Computes the counters. */
    @TearDown(Level.Iteration)
    public void finish(StepBenchmark benchmark) {
      double nanos = (double) (System.nanoTime() - begin) / steps;
      double bytes = (double) benchmark.model.parameterCount() * benchmark.rule.bytesPerParameter();
      megabytes = bytes / 1e6;
      gigabytesPerSecond = bytes / nanos;
      shareOfProbe =
          benchmark.probeNanos
              / nanos
              * benchmark.rule.bytesPerParameter()
              / benchmark.probe.bytesPerParameter();
    }
  }

  /** Allocates. */
  @Setup
  public void open() {
    fused = new Fused(rule, model, memory, Rows.NORMAL, threads);
    probe = new Probe(fused.gradients(), memory, threads);
    // The profiler counts what happens between iterations too, and the probe allocates until it is
    // compiled.
    for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
      probeSample();
    }
  }

  /** Frees. */
  @TearDown
  public void close() {
    probe.close();
    fused.close();
  }

  private void prepareIteration() {
    fused.gradients().flip();
    probe.step();
    double[] nanos = new double[PROBE_SAMPLES];
    for (int sample = 0; sample < nanos.length; sample++) {
      nanos[sample] = probeSample();
    }
    probeNanos = new Samples(nanos).median();
  }

  /** Nanoseconds that a step of the probe takes. */
  private double probeSample() {
    int steps = model.stepsPerSample();
    long begin = System.nanoTime();
    for (int step = 0; step < steps; step++) {
      probe.step();
    }
    return (double) (System.nanoTime() - begin) / steps;
  }

  /** One step of the whole model. */
  @Benchmark
  public void step(Bandwidth bandwidth) {
    fused.step();
    bandwidth.steps++;
  }
}
