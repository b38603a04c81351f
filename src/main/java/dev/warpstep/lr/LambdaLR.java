package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.function.LongToDoubleFunction;

/**
 * Multiplies the initial learning rate by a function of the epoch.
 *
 * <pre>
 *   lr = initial lr · lrLambda(epoch)
 * </pre>
 *
 * <p>The functions are not part of the state. {@code torch.optim.lr_scheduler.LambdaLR}.
 */
public final class LambdaLR extends LRScheduler {
  private final LongToDoubleFunction[] lrLambdas;

  /**
   * @param lrLambdas one function for all groups or one for each, of the epoch from 0 on
   * @throws IllegalArgumentException if there is another number of functions, or a value at epoch 0
   *     makes the learning rate negative, NaN or infinite
   */
  public LambdaLR(Optimizer optimizer, LongToDoubleFunction... lrLambdas) {
    super(optimizer);
    Arguments.checkPerGroup(kind(), "lrLambdas", groups().size(), lrLambdas.length);
    this.lrLambdas = lrLambdas.clone();
    start();
  }

  @Override
  double lr(int group, long epoch, double current) {
    return baseLr(group) * lrLambdas[group % lrLambdas.length].applyAsDouble(epoch);
  }
}
