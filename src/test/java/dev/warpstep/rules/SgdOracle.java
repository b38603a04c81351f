package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.DAMPENING;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.NESTEROV;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

import java.util.List;

/** The algorithm on the documentation page of {@code torch.optim.SGD}. */
final class SgdOracle implements Oracle {
  @Override
  public List<String> states(Settings settings) {
    return settings.isOn(MOMENTUM) ? List.of("momentum_buffer") : List.of();
  }

  @Override
  public Update at(Settings settings, long step) {
    double mu = settings.get(MOMENTUM);
    double tau = settings.get(DAMPENING);
    return (theta, gradient, state) -> {
      double g = settings.isOn(MAXIMIZE) ? -gradient : gradient;
      if (settings.isOn(WEIGHT_DECAY)) {
        g = g + settings.get(WEIGHT_DECAY) * theta;
      }
      if (mu != 0) {
        double b = step > 1 ? mu * state[0] + (1 - tau) * g : g;
        g = settings.isOn(NESTEROV) ? g + mu * b : b;
        state[0] = b;
      }
      return theta - settings.get(LR) * g;
    };
  }
}
