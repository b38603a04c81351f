package dev.warpstep.unfused.cuda;

import java.util.List;
import java.util.stream.Stream;

/**
 * Updates tensors on a CUDA device from their gradients, one launch per operation. A step is
 * queued; nobody waits for it. Temporaries are kept between steps.
 */
public final class CudaUnfusedOptimizer implements AutoCloseable {
  private final UnfusedRule rule;
  private final TensorList values;
  private final TensorList gradients;
  private final List<TensorList> arrays;
  private long step;

  /**
   * An optimizer of tensors.
   *
   * @param values updated in place; stay the caller's, as the gradients
   */
  public CudaUnfusedOptimizer(
      CudaWorkplace workplace, UnfusedRule rule, TensorList values, TensorList gradients) {
    this.rule = rule;
    this.values = values;
    this.gradients = gradients;
    this.arrays =
        Stream.generate(() -> TensorList.zeros(workplace, values.counts()))
            .limit(rule.arrays())
            .toList();
  }

  /**
   * Queues an update of every tensor.
   *
   * @param passes how operations get to the device, for this step
   */
  public void step(Passes passes) {
    step++;
    passes.step(() -> rule.update(passes, step, values, gradients, arrays));
  }

  @Override
  public void close() {
    arrays.forEach(TensorList::close);
  }
}
