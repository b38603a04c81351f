package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Contender;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Rule;
import dev.warpstep.cli.bench.Subject;
import java.util.concurrent.TimeUnit;
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
 * {@code step()} with nothing changed since the last one, fused or one pass per operation, on any
 * device.
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
  private static final int CHECKED_STEPS = 2;

  @Param Rule rule;

  @Param({"MLP_100K", "RESNET50", "GPT2_124M"})
  Model model;

  /** Others than fp32 have no unfused step. */
  @Param({"FP32"})
  Precision dtype;

  /** As {@code --device} takes it. */
  @Param({"cpu:1", "cpu:2"})
  String device;

  /**
   * Unfused: on the CPU {@code elementary} and {@code unfused}; on CUDA {@code per tensor}, {@code
   * foreach}, {@code cublas}.
   */
  @Param({"fused", "unfused"})
  String way;

  private Place place;
  private Subject subject;
  private Contender contender;
  private Meter meter;

  /** Allocates, and compares the values of both ways. */
  @Setup
  public void open() {
    place = Place.of(device);
    if (way.equals("fused")) {
      subject = place.fused(rule, dtype, model.shape());
      contender = subject.fused();
    } else if (dtype != Precision.FP32) {
      throw new IllegalArgumentException("only fp32 has an unfused step, was " + dtype.key());
    } else {
      subject = place.subject(rule, model.shape());
      contender = subject.unfused().get(way);
      if (contender == null) {
        throw new IllegalArgumentException(
            "way must be fused or one of %s on %s, was %s"
                .formatted(subject.unfused().keySet(), device, way));
      }
      subject
          .difference(model.shape().sizes().size(), CHECKED_STEPS)
          .ifPresent(
              difference -> {
                throw new IllegalStateException("not the same values: " + difference);
              });
    }
    meter = new Meter(place, contender.bytesPerStep());
  }

  /** Keeps the parameters where they are, and starts the clock. */
  @Setup(Level.Iteration)
  public void begin() {
    subject.flip();
    meter.begin();
  }

  /** Frees. */
  @TearDown
  public void close() {
    meter.close();
    subject.close();
    place.close();
  }

  /** One step of the whole model. */
  @Benchmark
  public void step(Reading reading) {
    contender.step();
    reading.count(meter);
  }
}
