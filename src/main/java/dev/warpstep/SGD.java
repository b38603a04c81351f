package dev.warpstep;

import java.util.List;
import java.util.Map;

/**
 * Stochastic gradient descent, plain, with momentum, or with Nesterov's momentum.
 *
 * <pre>
 *   g = ±gradient + weightDecay·p                      minus when maximizing
 *   b = momentum·b + (1 − dampening)·g                 the buffer's first step: b = g
 *   p = p − lr·g                                       momentum: p − lr·b
 *                                                      Nesterov: p − lr·(g + momentum·b)
 * </pre>
 *
 * <p>State: with momentum {@code momentum_buffer} (b), as long as the parameter in fp32, else none.
 * A step moves 12 bytes per parameter, 20 with momentum. Unlike in PyTorch, each multiply-add is
 * rounded once; results differ in the last bits.
 *
 * <p>Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML
 * 2013; {@code torch.optim.SGD}.
 */
public final class SGD extends Optimizer {
  private static final UpdateRule RULE =
      new UpdateRule(
          "SGD",
          Map.of(
              HyperParameter.LR, 1e-3,
              HyperParameter.MOMENTUM, 0.0,
              HyperParameter.DAMPENING, 0.0,
              HyperParameter.WEIGHT_DECAY, 0.0,
              HyperParameter.NESTEROV, 0.0,
              HyperParameter.MAXIMIZE, 0.0),
          group -> group.isOn(HyperParameter.MOMENTUM) ? "sgd_momentum" : "sgd",
          List.of("momentum_buffer"),
          false,
          SGD::checkNesterov);

  private SGD(Device device, Settings settings, List<ParamGroup> groups) {
    super(RULE, device, settings, groups);
  }

  /** Settings at PyTorch's defaults: lr 1e-3, no momentum, no dampening, no weight decay. */
  public static Builder builder() {
    return new Builder();
  }

  private static void checkNesterov(ParamGroup group) {
    double momentum = group.get(HyperParameter.MOMENTUM);
    double dampening = group.get(HyperParameter.DAMPENING);
    if (group.isOn(HyperParameter.NESTEROV) && (momentum == 0 || dampening != 0)) {
      throw new IllegalArgumentException(
          "SGD: nesterov needs a momentum above 0 and a dampening of 0, momentum was %s, dampening %s"
              .formatted(momentum, dampening));
    }
  }

  /** Settings of an {@link SGD} to be built. */
  public static final class Builder extends Optimizer.Builder<SGD, Builder> {
    private Builder() {
      super(RULE);
    }

    /**
     * Factor of the momentum buffer; 0 keeps none.
     *
     * @throws IllegalArgumentException if it is negative, NaN or infinite
     */
    public Builder momentum(double momentum) {
      return set(HyperParameter.MOMENTUM, momentum);
    }

    /**
     * Share of the gradient kept out of the momentum buffer.
     *
     * @throws IllegalArgumentException if it is NaN or infinite
     */
    public Builder dampening(double dampening) {
      return set(HyperParameter.DAMPENING, dampening);
    }

    /** Whether to look ahead along the momentum; needs a momentum, and no dampening. */
    public Builder nesterov(boolean nesterov) {
      return set(HyperParameter.NESTEROV, nesterov ? 1 : 0);
    }

    @Override
    Builder self() {
      return this;
    }

    @Override
    SGD create(Device device, Settings settings, List<ParamGroup> groups) {
      return new SGD(device, settings, groups);
    }
  }
}
