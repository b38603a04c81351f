package dev.warpstep.benchmarks;

import dev.warpstep.Adam;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.StateDict;
import dev.warpstep.checkpoint.Checkpoint;
import dev.warpstep.checkpoint.CheckpointFile;
import dev.warpstep.checkpoint.torch.TorchReader;
import dev.warpstep.checkpoint.torch.TorchWriter;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
 * Saving and loading the state of Adam: two moments, 8 bytes per parameter. Files go to the
 * directory for temporary files; saving forces them to the disk, loading checks every byte.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms7g", "-Xmx7g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class CheckpointBenchmark {
  private static final int BYTES_PER_PARAMETER = 8;

  /** Where the state goes. */
  public enum Format {
    /** A copy in memory: what {@code stateDict()} and {@code loadStateDict} alone cost. */
    MEMORY {
      @Override
      StateDict save(Optimizer optimizer, Path file) {
        return optimizer.stateDict();
      }

      @Override
      StateDict load(Path file, StateDict saved) {
        return saved;
      }
    },
    /** A safetensors file with a checksum per tensor. */
    SAFETENSORS {
      @Override
      StateDict save(Optimizer optimizer, Path file) throws IOException {
        StateDict dict = optimizer.stateDict();
        CheckpointFile.save(file, Checkpoint.builder(1, dict).build());
        return dict;
      }

      @Override
      StateDict load(Path file, StateDict saved) throws IOException {
        return CheckpointFile.load(file).optimizer();
      }
    },
    /** A {@code .pt} file of PyTorch. */
    PYTORCH {
      @Override
      StateDict save(Optimizer optimizer, Path file) throws IOException {
        StateDict dict = optimizer.stateDict();
        TorchWriter.save(file, dict);
        return dict;
      }

      @Override
      StateDict load(Path file, StateDict saved) throws IOException {
        return TorchReader.of(file).read().stateDict();
      }
    };

    abstract StateDict save(Optimizer optimizer, Path file) throws IOException;

    abstract StateDict load(Path file, StateDict saved) throws IOException;
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
  private Path directory;
  private Path file;
  private StateDict saved;
  private Meter meter;

  /** Allocates, and does a step so that there is state. */
  @Setup
  public void open() throws IOException {
    place = Place.of(device);
    parameters = place.parameters(Precision.FP32, model.shape());
    adam = Adam.builder().build(place.device(), parameters);
    adam.step();
    directory = Files.createTempDirectory("warpstep-benchmark");
    file = directory.resolve("state");
    saved = format.save(adam, file);
    meter = new Meter(place, BYTES_PER_PARAMETER * model.shape().parameterCount());
  }

  /** Starts the clock. */
  @Setup(Level.Iteration)
  public void begin() {
    meter.begin();
  }

  /** Frees. */
  @TearDown
  public void close() throws IOException {
    meter.close();
    adam.close();
    parameters.forEach(Parameter::close);
    place.close();
    Files.deleteIfExists(file);
    Files.delete(directory);
  }

  /** The whole state once. */
  @Benchmark
  public StateDict checkpoint(Reading reading) throws IOException {
    if (way.equals("save")) {
      saved = format.save(adam, file);
    } else {
      adam.loadStateDict(format.load(file, saved));
    }
    reading.count(meter);
    return saved;
  }
}
