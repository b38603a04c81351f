package dev.warpstep.benchmarks;

import dev.warpstep.unfused.cuda.CudaWorkplace;
import dev.warpstep.unfused.cuda.TensorList;
import dev.warpstep.unfused.cuda.TwelveArguments;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One launch of a kernel with twelve arguments through JCuda, as its users write it; beside it,
 * {@link LaunchOverheadBenchmark} has the same for one packed argument through JCuda and through
 * Panama, and for a graph. On the software driver the launch only returns.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
    value = 3,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED"})
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class LaunchBindingBenchmark {
  private static final long[] COUNTS = {64};

  private CudaWorkplace workplace;
  private final TensorList[] lists = new TensorList[4];
  private TwelveArguments adam;

  /** Allocates, and lets the software driver only answer from now on. */
  @Setup
  public void open() {
    workplace = new CudaWorkplace(0);
    for (int i = 0; i < lists.length; i++) {
      lists[i] = TensorList.zeros(workplace, COUNTS);
    }
    adam = new TwelveArguments(workplace, lists[0], lists[1], lists[2], lists[3]);
    adam.step();
    workplace.synchronize();
    SoftwareDriver.onlyAnswer(true);
  }

  /** Frees. */
  @TearDown
  public void close() {
    SoftwareDriver.onlyAnswer(false);
    for (TensorList list : lists) {
      list.close();
    }
    workplace.close();
  }

  /** One launch for the one tensor there is. */
  @Benchmark
  public void twelveArguments() {
    adam.step();
  }
}
