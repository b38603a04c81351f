package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.ALPHA;
import static dev.warpstep.HyperParameter.CENTERED;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

import java.util.ArrayList;
import java.util.List;

/**
 * The algorithm on the documentation page of {@code torch.optim.RMSprop}, but for one thing: a
 * variance that rounding made negative counts as zero.
 */
final class RmspropOracle implements Oracle {
  @Override
  public List<String> states(Settings settings) {
    List<String> names = new ArrayList<>(List.of("square_avg"));
    if (settings.isOn(MOMENTUM)) {
      names.add("momentum_buffer");
    }
    if (settings.isOn(CENTERED)) {
      names.add("grad_avg");
    }
    return names;
  }

  @Override
  public Update at(Settings settings, long step) {
    double alpha = settings.get(ALPHA);
    double mu = settings.get(MOMENTUM);
    return (theta, gradient, state) -> {
      double g = settings.isOn(MAXIMIZE) ? -gradient : gradient;
      if (settings.isOn(WEIGHT_DECAY)) {
        g = g + settings.get(WEIGHT_DECAY) * theta;
      }
      double v = alpha * state[0] + (1 - alpha) * g * g;
      state[0] = v;
      if (settings.isOn(CENTERED)) {
        int last = state.length - 1;
        double average = alpha * state[last] + (1 - alpha) * g;
        state[last] = average;
        v = Math.max(v - average * average, 0);
      }
      double scaled = g / (Math.sqrt(v) + settings.get(EPS));
      if (mu != 0) {
        scaled = mu * state[1] + scaled;
        state[1] = scaled;
      }
      return theta - settings.get(LR) * scaled;
    };
  }
}
