package dev.warpstep.benchmarks;

import dev.warpstep.Adam;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.StateDict;
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

/** Saving and loading the state of Adam: two moments, 8 bytes per parameter, each copied once. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms7g", "-Xmx7g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class CheckpointBenchmark {
  /** Read and written once. */
  private static final int BYTES_PER_PARAMETER = 16;

  /** Where the state goes. A file format is another constant, with what it does to a file. */
  public enum Format {
    /** A copy in memory: what {@code stateDict()} and {@code loadStateDict} alone cost. */
    MEMORY {
      @Override
      StateDict save(Optimizer optimizer) {
        return optimizer.stateDict();
      }

      @Override
      void load(Optimizer optimizer, StateDict saved) {
        optimizer.loadStateDict(saved);
      }
    };

    abstract StateDict save(Optimizer optimizer);

    abstract void load(Optimizer optimizer, StateDict saved);
  }

  @Param Format format;

  @Param({"save", "load"})
  String way;

  @Param({"MLP_100K", "RESNET50"})
  Model model;

  /** As {@code --device} takes it. */
  @Param({"cpu:2"})
  String device;

  private Place place;
  private List<Parameter> parameters;
  private Optimizer adam;
  private StateDict saved;
  private Meter meter;

  /** Allocates, and does a step so that there is state. */
  @Setup
  public void open() {
    place = Place.of(device);
    parameters = place.parameters(Precision.FP32, model.shape());
    adam = Adam.builder().build(place.device(), parameters);
    adam.step();
    saved = format.save(adam);
    meter = new Meter(place, BYTES_PER_PARAMETER * model.shape().parameterCount());
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
    adam.close();
    parameters.forEach(Parameter::close);
    place.close();
  }

  /** The whole state once. */
  @Benchmark
  public StateDict checkpoint(Reading reading) {
    if (way.equals("save")) {
      saved = format.save(adam);
    } else {
      format.load(adam, saved);
    }
    reading.count(meter);
    return saved;
  }
}
