package dev.warpstep;

import java.util.List;
import java.util.Map;

/**
 * Adam: steps scaled by bias-corrected averages of the gradient and of its square.
 *
 * <pre>
 *   g = ±gradient + weightDecay·p                      minus when maximizing
 *   m = beta1·m + (1 − beta1)·g
 *   v = beta2·v + (1 − beta2)·g²
 *   p = p − lr · m/(1 − beta1^t) / (√(v/(1 − beta2^t)) + eps)
 * </pre>
 *
 * <p>With AMSGrad the root is taken of the largest v so far (Reddi et al., ICLR 2018).
 *
 * <p>State: {@code exp_avg} (m), {@code exp_avg_sq} (v), with AMSGrad {@code max_exp_avg_sq}, each
 * as long as the parameter in fp32, and {@code step} (t). A step moves 28 bytes per parameter, 36
 * with AMSGrad. Unlike in PyTorch, the bias corrections are folded into step size and eps, and the
 * moments are updated with one rounding less; results differ in the last bits.
 *
 * <p>Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980;
 * {@code torch.optim.Adam}.
 */
public final class Adam extends Optimizer {
  private static final UpdateRule RULE = rule("Adam", 0, false);

  private Adam(Device device, Settings settings, List<ParamGroup> groups) {
    super(RULE, device, settings, groups);
  }

  /** Settings at PyTorch's defaults: lr 1e-3, betas 0.9 and 0.999, eps 1e-8, weight decay 0. */
  public static Builder builder() {
    return new Builder();
  }

  /** What Adam and AdamW share; only how the weights decay differs. */
  static UpdateRule rule(String name, double weightDecay, boolean decoupledWeightDecay) {
    return new UpdateRule(
        name,
        Map.of(
            HyperParameter.LR, 1e-3,
            HyperParameter.BETA1, 0.9,
            HyperParameter.BETA2, 0.999,
            HyperParameter.EPS, 1e-8,
            HyperParameter.WEIGHT_DECAY, weightDecay,
            HyperParameter.AMSGRAD, 0.0,
            HyperParameter.MAXIMIZE, 0.0,
            HyperParameter.DECOUPLED_WEIGHT_DECAY, decoupledWeightDecay ? 1.0 : 0.0),
        group -> group.isOn(HyperParameter.AMSGRAD) ? "adam_amsgrad" : "adam",
        List.of("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
        true,
        group -> {
          if (group.isOn(HyperParameter.DECOUPLED_WEIGHT_DECAY) != decoupledWeightDecay) {
            throw new IllegalArgumentException(
                "%s: decoupled_weight_decay must be %s, was %s; Adam and AdamW differ in it"
                    .formatted(name, decoupledWeightDecay, !decoupledWeightDecay));
          }
        });
  }

  /** Settings of an {@link Adam} to be built. */
  public static final class Builder extends Optimizer.Builder<Adam, Builder> {
    private Builder() {
      super(RULE);
    }

    /**
     * Decay of the two moments.
     *
     * @throws IllegalArgumentException if one is not in [0, 1)
     */
    public Builder betas(double beta1, double beta2) {
      return set(HyperParameter.BETA1, beta1).set(HyperParameter.BETA2, beta2);
    }

    /**
     * Added to the denominator.
     *
     * @throws IllegalArgumentException if it is negative, NaN or infinite
     */
    public Builder eps(double eps) {
      return set(HyperParameter.EPS, eps);
    }

    /** Whether to divide by the largest second moment so far. */
    public Builder amsgrad(boolean amsgrad) {
      return set(HyperParameter.AMSGRAD, amsgrad ? 1 : 0);
    }

    @Override
    Builder self() {
      return this;
    }

    @Override
    Adam create(Device device, Settings settings, List<ParamGroup> groups) {
      return new Adam(device, settings, groups);
    }
  }
}
