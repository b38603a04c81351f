package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.AMSGRAD;
import static dev.warpstep.HyperParameter.BETA1;
import static dev.warpstep.HyperParameter.BETA2;
import static dev.warpstep.HyperParameter.DECOUPLED_WEIGHT_DECAY;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

import java.util.List;

/**
 * Algorithm 1 of Kingma and Ba (arXiv 1412.6980) with the options on the documentation pages of
 * {@code torch.optim.Adam} and {@code AdamW}.
 */
final class AdamOracle implements Oracle {
  @Override
  public List<String> states(Settings settings) {
    return settings.isOn(AMSGRAD)
        ? List.of("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        : List.of("exp_avg", "exp_avg_sq");
  }

  @Override
  public Update at(Settings settings, long step) {
    double lr = settings.get(LR);
    double beta1 = settings.get(BETA1);
    double beta2 = settings.get(BETA2);
    double lambda = settings.get(WEIGHT_DECAY);
    double correction1 = 1 - Math.pow(beta1, (double) step);
    double correction2 = 1 - Math.pow(beta2, (double) step);
    return (before, gradient, state) -> {
      double theta = before;
      double g = settings.isOn(MAXIMIZE) ? -gradient : gradient;
      if (lambda != 0) {
        if (settings.isOn(DECOUPLED_WEIGHT_DECAY)) {
          theta = theta - lr * lambda * theta;
        } else {
          g = g + lambda * theta;
        }
      }
      double m = beta1 * state[0] + (1 - beta1) * g;
      double v = beta2 * state[1] + (1 - beta2) * g * g;
      state[0] = m;
      state[1] = v;
      if (settings.isOn(AMSGRAD)) {
        v = Math.max(state[2], v);
        state[2] = v;
      }
      double corrected1 = m / correction1;
      double corrected2 = v / correction2;
      return theta - lr * corrected1 / (Math.sqrt(corrected2) + settings.get(EPS));
    };
  }
}
