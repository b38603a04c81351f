package dev.warpstep.cli;

import dev.warpstep.Adam;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedAdam;
import dev.warpstep.unfused.UnfusedMomentum;
import dev.warpstep.unfused.UnfusedOptimizer;
import dev.warpstep.unfused.UnfusedRMSprop;
import dev.warpstep.unfused.UnfusedSGD;
import java.util.List;

/** An optimizer with its settings, twice: from the library, and as one writes it without. */
record Recipe(String name, Fused fused, Unfused unfused) {
  private static final double EPS = 1e-8;

  /** The library's optimizer. */
  interface Fused {
    Optimizer.Builder<?, ?> builder();

    default Optimizer build(Device device, List<Parameter> parameters) {
      return builder().build(device, parameters);
    }
  }

  /** Builds the optimizer of single passes. */
  interface Unfused {
    UnfusedOptimizer build(List<Tensor> tensors, int threads);
  }

  static Recipe sgd(double lr) {
    return new Recipe(
        "SGD",
        () -> SGD.builder().lr(lr),
        (tensors, threads) -> new UnfusedSGD(tensors, lr, threads));
  }

  static Recipe momentum(double lr, double momentum) {
    return new Recipe(
        "momentum",
        () -> SGD.builder().lr(lr).momentum(momentum),
        (tensors, threads) -> new UnfusedMomentum(tensors, lr, momentum, threads));
  }

  static Recipe rmsprop(double lr, double alpha) {
    return new Recipe(
        "RMSprop",
        () -> RMSprop.builder().lr(lr).alpha(alpha).eps(EPS),
        (tensors, threads) -> new UnfusedRMSprop(tensors, lr, alpha, EPS, threads));
  }

  static Recipe adam(double lr, double beta1, double beta2) {
    return new Recipe(
        "Adam",
        () -> Adam.builder().lr(lr).betas(beta1, beta2).eps(EPS),
        (tensors, threads) -> new UnfusedAdam(tensors, lr, beta1, beta2, EPS, threads));
  }
}
