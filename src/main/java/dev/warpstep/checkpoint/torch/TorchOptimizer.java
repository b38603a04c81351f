package dev.warpstep.checkpoint.torch;

import dev.warpstep.Adam;
import dev.warpstep.AdamW;
import dev.warpstep.Optimizer;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;

/** The optimizers of {@code torch.optim} whose state is exchanged. */
public enum TorchOptimizer {
  /** {@code torch.optim.SGD}. */
  SGD,

  /** {@code torch.optim.RMSprop}. */
  RMSPROP,

  /** {@code torch.optim.Adam}. */
  ADAM,

  /** {@code torch.optim.AdamW}. */
  ADAMW;

  /** The one that is Warpstep's. */
  public static TorchOptimizer of(Optimizer optimizer) {
    return switch (optimizer) {
      case SGD _ -> SGD;
      case RMSprop _ -> RMSPROP;
      case Adam _ -> ADAM;
      case AdamW _ -> ADAMW;
    };
  }
}
