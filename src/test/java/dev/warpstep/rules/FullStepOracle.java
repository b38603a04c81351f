package dev.warpstep.rules;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a training loop does around an optimizer's step, in double, written from PyTorch's
 * documentation: unscale, clip by the norm of all gradients, clip by value, step unless the scaler
 * found an element that is not finite, average.
 *
 * <p>The gradients that are passed are not changed.
 */
final class FullStepOracle {
  /** Added to the norm by {@code torch.nn.utils.clip_grad_norm_}. */
  private static final double NORM_EPS = 1e-6;

  /**
   * What happens to the gradients, in this order.
   *
   * @param gradientScale they are divided by it; only without a scaler
   * @param maxNorm they are times {@code min(1, maxNorm / (norm + 1e-6))}
   * @param normType 2 or infinity
   * @param clipValue they are brought into [−clipValue, clipValue]
   */
  record Clipping(
      OptionalDouble gradientScale,
      OptionalDouble maxNorm,
      double normType,
      OptionalDouble clipValue) {}

  /**
   * Of a step.
   *
   * @param norm of the unscaled gradients, before any clipping
   * @param skipped whether no parameter and no state changed
   */
  record Outcome(double norm, boolean skipped) {}

  /** A parameter tensor with its state. */
  private static final class Tensor {
    final Settings settings;
    final double[] parameter;
    final double[][] state;
    long step;

    Tensor(Oracle rule, Settings settings, double[] initial) {
      this.settings = settings;
      parameter = initial.clone();
      state = new double[rule.states(settings).size()][initial.length];
    }
  }

  private final Oracle rule;
  private final Clipping clipping;
  private final Optional<GradScalerOracle> scaler;
  private final Optional<AverageOracle> average;
  private final List<Tensor> tensors = new ArrayList<>();
  private final List<double[]> averages = new ArrayList<>();

  FullStepOracle(
      Oracle rule,
      Clipping clipping,
      Optional<GradScalerOracle> scaler,
      Optional<AverageOracle> average) {
    this.rule = rule;
    this.clipping = clipping;
    this.scaler = scaler;
    this.average = average;
  }

  /** Appends a tensor; before the first step. */
  void add(Settings settings, double[] initial) {
    tensors.add(new Tensor(rule, settings, initial));
    averages.add(initial.clone());
  }

  /** The values of a tensor, live. */
  double[] parameter(int tensor) {
    return tensors.get(tensor).parameter;
  }

  /** The averages of a tensor, live. */
  double[] average(int tensor) {
    return averages.get(tensor);
  }

  /**
   * Takes a step.
   *
   * @param gradients one per tensor, as the backward pass left them; null where there is none
   */
  Outcome step(List<double[]> gradients) {
    boolean finite =
        gradients.stream().allMatch(g -> g == null || Arrays.stream(g).allMatch(Double::isFinite));
    List<double[]> unscaled = new ArrayList<>();
    for (double[] gradient : gradients) {
      unscaled.add(gradient == null ? null : Arrays.stream(gradient).map(this::unscale).toArray());
    }
    double norm = norm(unscaled, clipping.normType());
    boolean skipped = scaler.isPresent() && !finite;
    if (!skipped) {
      double coefficient = coefficient(norm);
      for (int t = 0; t < tensors.size(); t++) {
        if (unscaled.get(t) != null) {
          update(tensors.get(t), unscaled.get(t), coefficient);
        }
      }
      average.ifPresent(a -> a.update(averages, tensors.stream().map(t -> t.parameter).toList()));
    }
    scaler.ifPresent(s -> s.update(finite));
    return new Outcome(norm, skipped);
  }

  /** The norm of all elements, seen as one vector; 0 without any. */
  static double norm(List<double[]> gradients, double type) {
    double sum = 0;
    double largest = 0;
    for (double[] gradient : gradients) {
      if (gradient != null) {
        for (double g : gradient) {
          sum += g * g;
          largest = Math.max(largest, Math.abs(g)); // NaN if one of them is
        }
      }
    }
    return type == 2 ? Math.sqrt(sum) : largest;
  }

  private double unscale(double gradient) {
    if (scaler.isPresent()) {
      return scaler.get().unscaled(gradient);
    }
    return gradient / clipping.gradientScale().orElse(1);
  }

  private double coefficient(double norm) {
    return clipping.maxNorm().isPresent()
        ? Math.min(1, clipping.maxNorm().getAsDouble() / (norm + NORM_EPS))
        : 1;
  }

  private double clipped(double gradient, double coefficient) {
    double limit = clipping.clipValue().orElse(Double.POSITIVE_INFINITY);
    return Math.max(-limit, Math.min(limit, gradient * coefficient));
  }

  private void update(Tensor tensor, double[] gradient, double coefficient) {
    tensor.step++;
    Oracle.Update update = rule.at(tensor.settings, tensor.step);
    double[] cell = new double[tensor.state.length];
    for (int i = 0; i < gradient.length; i++) {
      for (int s = 0; s < cell.length; s++) {
        cell[s] = tensor.state[s][i];
      }
      double clipped = clipped(gradient[i], coefficient);
      tensor.parameter[i] = update.update(tensor.parameter[i], clipped, cell);
      for (int s = 0; s < cell.length; s++) {
        tensor.state[s][i] = cell[s];
      }
    }
  }
}
