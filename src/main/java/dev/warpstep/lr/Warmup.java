package dev.warpstep.lr;

import dev.warpstep.Optimizer;
import java.util.List;

/** Schedules that begin with a linear warmup, as transformers are trained. */
public final class Warmup {
  private Warmup() {}

  /**
   * A linear warmup, and then any schedule from its epoch 0 on: a {@link SequentialLR} of {@link
   * LinearLR} and the schedule.
   *
   * <pre>{@code
   * LRScheduler schedule = Warmup.linear(0.01, 5, new CosineAnnealingLR(adam, epochs - 5));
   * }</pre>
   *
   * @param startFactor of the learning rate at epoch 0, in (0, 1]
   * @param epochs of the warmup, at least 1
   * @param then made for this, and any but {@link ReduceLROnPlateau}
   * @throws IllegalArgumentException if an argument is out of range
   */
  public static SequentialLR linear(double startFactor, long epochs, LRScheduler then) {
    LinearLR warmup = new LinearLR(then.optimizer(), startFactor, 1, epochs);
    return new SequentialLR(then.optimizer(), List.of(warmup, then), epochs);
  }

  /**
   * A linear warmup from zero, and then half a cosine wave to zero, where it stays.
   *
   * <pre>
   *   epoch &lt; warmupEpochs: lr = initial lr · epoch / warmupEpochs
   *   then:                 lr = initial lr · (1 + cos(π · t)) / 2
   *   t = min(1, (epoch − warmupEpochs) / (totalEpochs − warmupEpochs))
   * </pre>
   *
   * @param warmupEpochs at least 0
   * @param totalEpochs more than those of the warmup
   * @throws IllegalArgumentException if an argument is out of range
   */
  public static LambdaLR cosine(Optimizer optimizer, long warmupEpochs, long totalEpochs) {
    String kind = "Warmup.cosine";
    Arguments.check(warmupEpochs >= 0, kind, "warmupEpochs", "at least 0", warmupEpochs);
    Arguments.check(
        totalEpochs > warmupEpochs,
        kind,
        "totalEpochs",
        "more than the %d of the warmup".formatted(warmupEpochs),
        totalEpochs);
    return new LambdaLR(
        optimizer,
        epoch -> {
          if (epoch < warmupEpochs) {
            return (double) epoch / warmupEpochs;
          }
          double t = (double) (epoch - warmupEpochs) / (totalEpochs - warmupEpochs);
          return AnnealStrategy.COS.anneal(1, 0, Math.min(1, t));
        });
  }
}
