package dev.warpstep.benchmarks;

import dev.warpstep.Adam;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.cli.bench.CudaPlace;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
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
 * What a step costs the host besides the update, by the number of tensors and what changed since
 * the last one. Tensors have 16 elements, so that the update itself is little. On CUDA the device
 * works meanwhile, and on the software driver it does not work at all.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xms2g", "-Xmx2g", "--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class PlanBenchmark {
  private static final long ELEMENTS = 16;

  /** What changed since the last step. */
  public enum Change {
    /** A parameter lost its gradient or got it back, so that the plan is built anew. */
    BUILD,
    /** Nothing. */
    NOTHING,
    /** One gradient is elsewhere. */
    POINTER
  }

  @Param Change change;

  @Param({"10", "1000", "10000", "100000"})
  int tensors;

  /** How many param groups the tensors are in. */
  @Param({"1"})
  int groups;

  /** As {@code --device} takes it. */
  @Param({"cpu:1"})
  String device;

  private Place place;
  private List<Parameter> parameters;
  private Parameter other;
  private Optimizer optimizer;
  private boolean odd;

  /** Allocates. */
  @Setup
  public void open() {
    place = Place.of(device);
    ModelShape shape = new ModelShape("tensors", Collections.nCopies(tensors, ELEMENTS));
    parameters = place.parameters(Precision.FP32, shape);
    other = Precision.FP32.allocate(place.device(), "other", ELEMENTS);
    ParamGroup[] of = new ParamGroup[groups];
    for (int i = 0; i < groups; i++) {
      int from = (int) ((long) tensors * i / groups);
      int to = (int) ((long) tensors * (i + 1) / groups);
      of[i] = ParamGroup.of(parameters.subList(from, to)).lr(1e-3 / (i + 1));
    }
    optimizer = Adam.builder().build(place.device(), of);
    optimizer.step();
    place.device().synchronize();
    if (place instanceof CudaPlace) {
      SoftwareDriver.onlyAnswer(true);
    }
  }

  /** Frees. */
  @TearDown
  public void close() {
    SoftwareDriver.onlyAnswer(false);
    optimizer.close();
    parameters.forEach(Parameter::close);
    other.close();
    place.close();
  }

  /** One step of all tensors. */
  @Benchmark
  public void step() {
    odd = !odd;
    Parameter changed = parameters.get(tensors / 2);
    switch (change) {
      case BUILD -> {
        if (odd) {
          changed.clearGradient();
        } else {
          changed.restoreGradient();
        }
      }
      case NOTHING -> {}
      case POINTER -> {
        if (!odd) {
          changed.restoreGradient();
        } else if (place instanceof CudaPlace) {
          changed.gradient(other.deviceAddress());
        } else {
          changed.gradient(other.data());
        }
      }
    }
    optimizer.step();
  }
}
