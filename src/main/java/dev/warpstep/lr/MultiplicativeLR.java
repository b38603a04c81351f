package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.function.LongToDoubleFunction;

/**
 * Multiplies the present learning rate by a function of the epoch, from epoch 1 on.
 *
 * <pre>
 *   lr = lr · lrLambda(epoch)
 * </pre>
 *
 * <p>The functions are not part of the state. {@code torch.optim.lr_scheduler.MultiplicativeLR}.
 */
public final class MultiplicativeLR extends LRScheduler {
  private final LongToDoubleFunction[] lrLambdas;

  /**
   * @param lrLambdas one function for all groups or one for each, of the epoch
   * @throws IllegalArgumentException if there is another number of functions
   */
  public MultiplicativeLR(Optimizer optimizer, LongToDoubleFunction... lrLambdas) {
    super(optimizer);
    Arguments.checkPerGroup(kind(), "lrLambdas", groups().size(), lrLambdas.length);
    this.lrLambdas = lrLambdas.clone();
    start();
  }

  @Override
  double lr(int group, long epoch, double current) {
    return current * lrLambdas[group % lrLambdas.length].applyAsDouble(epoch);
  }

  @Override
  void begin() {
    apply(0, (group, epoch, current) -> current);
  }

  @Override
  void restart() {
    apply(0, this::lr);
  }
}
