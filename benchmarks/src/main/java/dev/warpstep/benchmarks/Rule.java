package dev.warpstep.benchmarks;

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
import java.util.List;
import java.util.Locale;

/** An update rule with the settings that every library is measured with: PyTorch's, lr 1e-3. */
public enum Rule {
  /** Reads parameter, gradient and two moments, writes all but the gradient. */
  ADAM(28) {
    @Override
    Optimizer fused(Device device, List<Parameter> parameters) {
      return Adam.builder().lr(LR).build(device, parameters);
    }

    @Override
    UnfusedOptimizer unfused(List<Tensor> tensors, int threads) {
      return new UnfusedAdam(tensors, LR, 0.9, 0.999, 1e-8, threads);
    }
  },
  /** Neither centered nor with momentum: one state. */
  RMSPROP(20) {
    @Override
    Optimizer fused(Device device, List<Parameter> parameters) {
      return RMSprop.builder().lr(LR).build(device, parameters);
    }

    @Override
    UnfusedOptimizer unfused(List<Tensor> tensors, int threads) {
      return new UnfusedRMSprop(tensors, LR, 0.99, 1e-8, threads);
    }
  },
  /** With momentum 0.9: one state. */
  SGD_MOMENTUM(20) {
    @Override
    Optimizer fused(Device device, List<Parameter> parameters) {
      return SGD.builder().lr(LR).momentum(0.9).build(device, parameters);
    }

    @Override
    UnfusedOptimizer unfused(List<Tensor> tensors, int threads) {
      return new UnfusedMomentum(tensors, LR, 0.9, threads);
    }
  };

  private static final double LR = 1e-3;

  private final int bytesPerParameter;

  Rule(int bytesPerParameter) {
    this.bytesPerParameter = bytesPerParameter;
  }

  /** For example {@code sgd_momentum}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What one pass must move, each array counted once for reading and once for writing. */
  public int bytesPerParameter() {
    return bytesPerParameter;
  }

  abstract Optimizer fused(Device device, List<Parameter> parameters);

  abstract UnfusedOptimizer unfused(List<Tensor> tensors, int threads);
}
