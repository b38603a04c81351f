package dev.warpstep.benchmarks;

import dev.warpstep.AdamW;
import dev.warpstep.NormType;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import java.util.List;
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
 * What clipping by the norm of all gradients adds to a step of AdamW: another read of the
 * gradients, 4 bytes per parameter on top of 28.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms7g", "-Xmx7g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 7, time = 1)
public class NormBenchmark {
  /** Which norm. */
  public enum Norm {
    /** No clipping. */
    NONE(28),
    /** The root of the sum of squares. */
    TWO(32),
    /** The largest magnitude. */
    INFINITY(32);

    private final int bytesPerParameter;

    Norm(int bytesPerParameter) {
      this.bytesPerParameter = bytesPerParameter;
    }

    private StepOptions options() {
      StepOptions.Builder builder = StepOptions.builder();
      return switch (this) {
        case NONE -> builder.build();
        case TWO -> builder.maxNorm(1).build();
        case INFINITY -> builder.maxNorm(1, NormType.INFINITY).build();
      };
    }
  }

  @Param Norm norm;

  @Param({"MLP_100K", "RESNET50", "GPT2_124M"})
  Model model;

  /** As {@code --device} takes it. */
  @Param({"cpu:2"})
  String device;

  private Place place;
  private List<Parameter> parameters;
  private Optimizer adamw;
  private StepOptions options;
  private Meter meter;

  /** Allocates. */
  @Setup
  public void open() {
    place = Place.of(device);
    parameters = place.parameters(Precision.FP32, model.shape());
    adamw = AdamW.builder().lr(1e-6).build(place.device(), parameters);
    options = norm.options();
    meter = new Meter(place, norm.bytesPerParameter * model.shape().parameterCount());
  }

  /** Starts the clock. */
  @Setup(Level.Iteration)
  public void begin() {
    meter.begin();
  }

  /** Frees. */
  @TearDown
  public void close() {
    meter.close();
    adamw.close();
    parameters.forEach(Parameter::close);
    place.close();
  }

  /** One step of the whole model. */
  @Benchmark
  public void step(Reading reading) {
    adamw.step(options);
    reading.count(meter);
  }
}
