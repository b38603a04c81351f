package dev.warpstep.rules;

import java.util.List;
import java.util.OptionalDouble;

/**
 * The averages on the documentation page of {@code torch.optim.swa_utils}: the first update copies
 * the parameters; an exponential average is {@code decay · average + (1 − decay) · parameter}, an
 * equal one {@code average + (parameter − average) / (n + 1)} after {@code n} updates.
 */
final class AverageOracle {
  private final OptionalDouble decay;
  private long updates;

  /**
   * Before any update.
   *
   * @param decay of an exponential average; none, and all updates count the same
   */
  AverageOracle(OptionalDouble decay) {
    this.decay = decay;
  }

  /** How often the parameters were averaged. */
  long updates() {
    return updates;
  }

  /** Takes the parameters into the averages, which are changed in place. */
  void update(List<double[]> averages, List<double[]> parameters) {
    for (int t = 0; t < averages.size(); t++) {
      double[] average = averages.get(t);
      double[] parameter = parameters.get(t);
      for (int i = 0; i < average.length; i++) {
        average[i] = next(average[i], parameter[i]);
      }
    }
    updates++;
  }

  private double next(double average, double parameter) {
    if (updates == 0) {
      return parameter;
    }
    if (decay.isPresent()) {
      return decay.getAsDouble() * average + (1 - decay.getAsDouble()) * parameter;
    }
    return average + (parameter - average) / (updates + 1);
  }
}
