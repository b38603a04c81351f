package dev.warpstep.benchmarks;

import dev.warpstep.Adam;
import dev.warpstep.AveragedParameters;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.StepGraph;
import dev.warpstep.StepOptions;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
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
 * What a step on a CUDA device costs the host when nothing changed, by launcher: an update alone, a
 * full step of two launches, and the full step as a captured graph. On the software driver the
 * calls of a launch only return, so that nothing but the façade and the binding is left; on the
 * real one its own time comes on top.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
    value = 3,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class LaunchOverheadBenchmark {
  private static final int SIZE = 64;

  @Param({"panama", "jcuda"})
  String launcher;

  @Param({"1000"})
  int tensors;

  /** What is called. */
  @Param({"step", "full", "replay"})
  String way;

  /** Whether the device's context is current, as in a program that uses JCuda itself. */
  @Param({"true", "false"})
  boolean current;

  private final CUdevice device0 = new CUdevice();
  private Device device;
  private Optimizer optimizer;
  private AveragedParameters average;
  private StepOptions options;
  private StepGraph graph;

  /** Allocates, and lets the software driver only answer from now on. */
  @Setup
  public void open() {
    System.setProperty("warpstep.launcher", launcher);
    device = Device.cuda();
    optimizer =
        Adam.builder()
            .build(
                device,
                IntStream.range(0, tensors)
                    .mapToObj(i -> Parameter.allocate(device, "p" + i, SIZE))
                    .toList());
    average = AveragedParameters.ema(optimizer, 0.999);
    options = StepOptions.builder().maxNorm(1).average(average).zeroGrad(true).build();
    optimizer.step(options);
    graph = optimizer.capture(options);
    graph.replay();
    optimizer.step();
    device.synchronize();
    if (current) {
      CUcontext context = new CUcontext();
      check(JCudaDriver.cuDeviceGet(device0, 0));
      check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device0));
      check(JCudaDriver.cuCtxPushCurrent(context));
    }
    SoftwareDriver.onlyAnswer(true);
  }

  /** Frees. */
  @TearDown
  public void close() {
    SoftwareDriver.onlyAnswer(false);
    if (current) {
      check(JCudaDriver.cuCtxPopCurrent(new CUcontext()));
      check(JCudaDriver.cuDevicePrimaryCtxRelease(device0));
    }
    graph.close();
    average.close();
    optimizer.close();
    device.close();
  }

  private static void check(int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new IllegalStateException(CUresult.stringFor(code));
    }
  }

  /** One step of the whole model. */
  @Benchmark
  public void step() {
    switch (way) {
      case "step" -> optimizer.step();
      case "full" -> optimizer.step(options);
      default -> graph.replay();
    }
  }
}
