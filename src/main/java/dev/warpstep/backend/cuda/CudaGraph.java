package dev.warpstep.backend.cuda;

import dev.warpstep.backend.Replay;
import dev.warpstep.error.DeviceException;
import java.util.function.IntSupplier;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/** Launches that were captured from the context's stream, as an executable graph. */
final class CudaGraph implements Replay, CudaContext.Held {
  private final CudaContext context;
  private final CUgraphExec executable = new CUgraphExec();
  private final IntSupplier launch;
  private boolean closed;

  /** A graph of which can be told whether there is one. */
  private static final class Captured extends CUgraph {
    boolean exists() {
      return getNativePointer() != 0;
    }
  }

  /**
   * @param work launches and nothing else: what else the driver is asked for on the way, it refuses
   * @throws DeviceException if the driver fails; the stream captures no more then
   */
  CudaGraph(CudaContext context, Runnable work) {
    this.context = context;
    this.launch = () -> JCudaDriver.cuGraphLaunch(executable, context.stream());
    CUgraph graph = captured(context, work);
    try {
      context.call(
          "cuGraphInstantiate", () -> JCudaDriver.cuGraphInstantiate(executable, graph, 0));
    } finally {
      context.tidy(() -> JCudaDriver.cuGraphDestroy(graph));
    }
    context.hold(this);
  }

  private static CUgraph captured(CudaContext context, Runnable work) {
    // Other threads may go on allocating meanwhile.
    int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    context.call(
        "cuStreamBeginCapture", () -> JCudaDriver.cuStreamBeginCapture(context.stream(), mode));
    Captured graph = new Captured();
    IntSupplier end = () -> JCudaDriver.cuStreamEndCapture(context.stream(), graph);
    try {
      work.run();
      context.call("cuStreamEndCapture", end);
    } catch (RuntimeException e) {
      context.tidy(end); // a stream that still captures does nothing else
      if (graph.exists()) {
        context.tidy(() -> JCudaDriver.cuGraphDestroy(graph));
      }
      throw e;
    }
    return graph;
  }

  @Override
  public void run() {
    context.call("cuGraphLaunch", launch);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.letGo(this);
      context.tidy(() -> JCudaDriver.cuStreamSynchronize(context.stream()));
      context.tidy(() -> JCudaDriver.cuGraphExecDestroy(executable));
    }
  }
}
