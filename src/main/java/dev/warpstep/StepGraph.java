package dev.warpstep;

/**
 * A step that was recorded with {@link Optimizer#capture} and is replayed with the values of the
 * moment: gradients, learning rates and other settings of the groups, gradient scale, step numbers.
 * A replay has the bits of {@link Optimizer#step(StepOptions)}.
 *
 * <pre>{@code
 * try (StepGraph graph = adam.capture(options)) {
 *   for (Batch batch : batches) {
 *     backward(batch);
 *     graph.replay();
 *   }
 * }
 * }</pre>
 *
 * <p>Gradients may move from one memory to another. What selects kernels or memory must stay: which
 * parameters have gradients, the groups, settings such as AMSGrad.
 *
 * <p>One thread at a time, together with the optimizer. {@link #close} is idempotent; afterwards
 * every use throws {@link IllegalStateException}.
 */
public final class StepGraph implements AutoCloseable {
  private final Optimizer optimizer;
  private final StepOptions options;
  private final FusedStep.Recorded recorded;
  private boolean closed;

  StepGraph(Optimizer optimizer, StepOptions options, FusedStep.Recorded recorded) {
    this.optimizer = optimizer;
    this.options = options;
    this.recorded = recorded;
  }

  /**
   * Steps once more.
   *
   * @return what became of the step, to be asked when it is needed
   * @throws IllegalStateException as {@link Optimizer#step(StepOptions)}, or if the graph is closed
   *     or does not fit any more; nothing is updated then
   * @throws dev.warpstep.error.DeviceException as {@link Optimizer#step()}
   */
  public StepResult replay() {
    if (closed) {
      throw new IllegalStateException("the captured step is closed");
    }
    return optimizer.replay(recorded, options);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      recorded.replay().close();
    }
  }
}
