package dev.warpstep.cli.bench;

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
import dev.warpstep.unfused.cuda.UnfusedRule;
import java.util.List;
import java.util.Locale;

/** An update rule with the settings that every library is measured with: PyTorch's, lr 1e-3. */
public enum Rule {
  /** With momentum 0.9: one state. */
  SGD_MOMENTUM("SGD, momentum", 1, new UnfusedRule.Momentum(Rule.LR, 0.9)) {
    @Override
    public Optimizer fused(Precision precision, Device device, List<Parameter> parameters) {
      return precision.configure(SGD.builder().lr(LR).momentum(0.9)).build(device, parameters);
    }

    @Override
    public UnfusedOptimizer unfused(List<Tensor> tensors, int threads) {
      return new UnfusedMomentum(tensors, LR, 0.9, threads);
    }
  },
  /** Neither centered nor with momentum: one state. */
  RMSPROP("RMSprop", 1, new UnfusedRule.RMSprop(Rule.LR, 0.99, 1e-8)) {
    @Override
    public Optimizer fused(Precision precision, Device device, List<Parameter> parameters) {
      return precision.configure(RMSprop.builder().lr(LR)).build(device, parameters);
    }

    @Override
    public UnfusedOptimizer unfused(List<Tensor> tensors, int threads) {
      return new UnfusedRMSprop(tensors, LR, 0.99, 1e-8, threads);
    }
  },
  /** Reads parameter, gradient and two moments, writes all but the gradient. */
  ADAM("Adam", 2, new UnfusedRule.Adam(Rule.LR, 0.9, 0.999, 1e-8)) {
    @Override
    public Optimizer fused(Precision precision, Device device, List<Parameter> parameters) {
      return precision.configure(Adam.builder().lr(LR)).build(device, parameters);
    }

    @Override
    public UnfusedOptimizer unfused(List<Tensor> tensors, int threads) {
      return new UnfusedAdam(tensors, LR, 0.9, 0.999, 1e-8, threads);
    }
  };

  private static final double LR = 1e-3;

  private final String title;
  private final int states;

  @SuppressWarnings("ImmutableEnumChecker") // a record of numbers
  private final UnfusedRule onCuda;

  Rule(String title, int states, UnfusedRule onCuda) {
    this.title = title;
    this.states = states;
    this.onCuda = onCuda;
  }

  /** For example {@code sgd_momentum}. */
  public String key() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** For people. */
  public String title() {
    return title;
  }

  /** Arrays of state, each read and written. */
  public int states() {
    return states;
  }

  /** The library's optimizer. */
  public abstract Optimizer fused(Precision precision, Device device, List<Parameter> parameters);

  /** One pass per operation, on the CPU. */
  public abstract UnfusedOptimizer unfused(List<Tensor> tensors, int threads);

  /** One launch per operation, on CUDA. */
  public UnfusedRule unfusedOnCuda() {
    return onCuda;
  }
}
