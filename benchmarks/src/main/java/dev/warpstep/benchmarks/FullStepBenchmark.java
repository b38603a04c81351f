package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
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
 * A {@link FullStep}: scale, clip, update, average, zero. The step zeroes the gradients, so they
 * are filled before each, untimed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms7g", "-Xmx7g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 7, time = 1)
public class FullStepBenchmark {
  @Param({"MLP_100K", "RESNET50", "GPT2_124M"})
  Model model;

  @Param({"FP32"})
  Precision dtype;

  /** {@code unfused} and {@code elementary} only in fp32. */
  @Param({"FUSED"})
  FullStep.Way way;

  /** As {@code --device} takes it. */
  @Param({"cpu:2"})
  String device;

  private Place place;
  private FullStep full;
  private Meter meter;

  /** Allocates. */
  @Setup
  public void open() {
    place = Place.of(device);
    full = new FullStep(place, dtype, model.shape(), way);
    meter = new Meter(place, full.bytesPerStep());
  }

  /** Measures the memory. */
  @Setup(Level.Iteration)
  public void begin() {
    meter.begin();
  }

  /** Fills the gradients. */
  @Setup(Level.Invocation)
  public void refill() {
    full.refill();
    place.device().synchronize();
  }

  /** Frees. */
  @TearDown
  public void close() {
    meter.close();
    full.close();
    place.close();
  }

  /** One step of the whole model, until the device is done. */
  @Benchmark
  public void step(Reading reading) {
    reading.time(meter, full::step);
  }
}
