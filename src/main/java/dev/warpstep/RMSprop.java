package dev.warpstep;

import java.util.List;
import java.util.Map;

/**
 * RMSprop: the gradient divided by the root of its running mean square.
 *
 * <pre>
 *   g = ±gradient + weightDecay·p                      minus when maximizing
 *   s = alpha·s + (1 − alpha)·g²
 *   a = alpha·a + (1 − alpha)·g                        centered only
 *   d = √s + eps                                       centered: √max(s − a², 0) + eps
 *   b = momentum·b + g/d                               without momentum b = g/d
 *   p = p − lr·b
 * </pre>
 *
 * <p>State: {@code square_avg} (s), with momentum {@code momentum_buffer} (b), centered {@code
 * grad_avg} (a), each as long as the parameter in fp32, and {@code step}. A step moves 20 bytes per
 * parameter, 28 centered or with momentum, 36 with both.
 *
 * <p>Unlike PyTorch: a variance s − a² that rounding made negative counts as zero, where PyTorch
 * writes NaN into the parameter; {@code alpha} must be below 1; results differ in the last bits
 * because the averages are updated with one rounding less.
 *
 * <p>Hinton, "Neural Networks for Machine Learning", lecture 6e, 2012; centered: Graves, arXiv
 * 1308.0850; {@code torch.optim.RMSprop}.
 */
public final class RMSprop extends Optimizer {
  private static final UpdateRule RULE =
      new UpdateRule(
          "RMSprop",
          Map.of(
              HyperParameter.LR, 1e-2,
              HyperParameter.ALPHA, 0.99,
              HyperParameter.EPS, 1e-8,
              HyperParameter.WEIGHT_DECAY, 0.0,
              HyperParameter.MOMENTUM, 0.0,
              HyperParameter.CENTERED, 0.0,
              HyperParameter.MAXIMIZE, 0.0),
          RMSprop::kernel,
          List.of("square_avg", "momentum_buffer", "grad_avg"),
          true,
          group -> {});

  private RMSprop(Device device, Settings settings, List<ParamGroup> groups) {
    super(RULE, device, settings, groups);
  }

  /** Settings at PyTorch's defaults: lr 1e-2, alpha 0.99, eps 1e-8, no momentum, not centered. */
  public static Builder builder() {
    return new Builder();
  }

  private static String kernel(ParamGroup group) {
    boolean momentum = group.isOn(HyperParameter.MOMENTUM);
    if (group.isOn(HyperParameter.CENTERED)) {
      return momentum ? "rmsprop_centered_momentum" : "rmsprop_centered";
    }
    return momentum ? "rmsprop_momentum" : "rmsprop";
  }

  /** Settings of an {@link RMSprop} to be built. */
  public static final class Builder extends Optimizer.Builder<RMSprop, Builder> {
    private Builder() {
      super(RULE);
    }

    /**
     * Decay of the averages.
     *
     * @throws IllegalArgumentException if it is not in [0, 1)
     */
    public Builder alpha(double alpha) {
      return set(HyperParameter.ALPHA, alpha);
    }

    /**
     * Added to the denominator.
     *
     * @throws IllegalArgumentException if it is negative, NaN or infinite
     */
    public Builder eps(double eps) {
      return set(HyperParameter.EPS, eps);
    }

    /**
     * Factor of the momentum buffer; 0 keeps none.
     *
     * @throws IllegalArgumentException if it is negative, NaN or infinite
     */
    public Builder momentum(double momentum) {
      return set(HyperParameter.MOMENTUM, momentum);
    }

    /** Whether to divide by the deviation instead of the root mean square. */
    public Builder centered(boolean centered) {
      return set(HyperParameter.CENTERED, centered ? 1 : 0);
    }

    @Override
    Builder self() {
      return this;
    }

    @Override
    RMSprop create(Device device, Settings settings, List<ParamGroup> groups) {
      return new RMSprop(device, settings, groups);
    }
  }
}
