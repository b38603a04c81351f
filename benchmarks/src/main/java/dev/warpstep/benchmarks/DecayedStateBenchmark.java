package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.CpuPlace;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Rule;
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
 * {@code step()} where gradient and state are at the lower end of what fp32 can hold. Denormal
 * numbers take processors several times as long, unless nobody stores them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms2g", "-Xmx2g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 7, time = 1)
public class DecayedStateBenchmark {
  @Param Rule rule;
  @Param Rows rows;

  @Param({"MLP_100K", "RESNET50"})
  Model model;

  @Param({"1", "2"})
  int threads;

  private CpuPlace place;
  private DecayedState state;

  /** Allocates. */
  @Setup
  public void open() {
    place = new CpuPlace(threads);
    state = DecayedState.of(place, rule, model.shape(), Memory.NATIVE, rows);
  }

  /** Keeps the parameters where they are. */
  @Setup(Level.Iteration)
  public void flip() {
    state.gradients().flip();
  }

  /** Frees. */
  @TearDown
  public void close() {
    state.close();
    place.close();
  }

  /** One step of the whole model. */
  @Benchmark
  public void step() {
    state.fused().step();
  }
}
