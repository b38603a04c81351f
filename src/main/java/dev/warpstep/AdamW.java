package dev.warpstep;

import java.util.List;

/**
 * AdamW: Adam whose weight decay shrinks the parameter directly and never enters the moments.
 *
 * <pre>
 *   p = p·(1 − lr·weightDecay)
 *   m = beta1·m + (1 − beta1)·g                        g = ±gradient, minus when maximizing
 *   v = beta2·v + (1 − beta2)·g²
 *   p = p − lr · m/(1 − beta1^t) / (√(v/(1 − beta2^t)) + eps)
 * </pre>
 *
 * <p>State, bytes moved and differences to PyTorch are those of {@link Adam}.
 *
 * <p>Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, arXiv 1711.05101;
 * {@code torch.optim.AdamW}.
 */
public final class AdamW extends Optimizer {
  private static final UpdateRule RULE = Adam.rule("AdamW", 1e-2, true);

  private AdamW(Device device, Settings settings, List<ParamGroup> groups) {
    super(RULE, device, settings, groups);
  }

  /** Settings at PyTorch's defaults: lr 1e-3, betas 0.9 and 0.999, eps 1e-8, weight decay 1e-2. */
  public static Builder builder() {
    return new Builder();
  }

  /** Settings of an {@link AdamW} to be built. */
  public static final class Builder extends Optimizer.Builder<AdamW, Builder> {
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
    AdamW create(Device device, Settings settings, List<ParamGroup> groups) {
      return new AdamW(device, settings, groups);
    }
  }
}
