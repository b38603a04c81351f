package dev.warpstep.checkpoint.torch;

import static dev.warpstep.HyperParameter.ALPHA;
import static dev.warpstep.HyperParameter.AMSGRAD;
import static dev.warpstep.HyperParameter.BETA1;
import static dev.warpstep.HyperParameter.BETA2;
import static dev.warpstep.HyperParameter.CENTERED;
import static dev.warpstep.HyperParameter.DAMPENING;
import static dev.warpstep.HyperParameter.DECOUPLED_WEIGHT_DECAY;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.NESTEROV;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

import dev.warpstep.HyperParameter;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the files of an optimizer have in them.
 *
 * @param keys of a group in PyTorch 2.13, in its order
 * @param settings what of a group changes the arithmetic
 * @param states state arrays in PyTorch's order
 * @param countsSteps whether the state has a {@code step}
 */
record TorchLayout(
    List<String> keys, Set<HyperParameter> settings, List<Array> states, boolean countsSteps) {
  /**
   * A state array.
   *
   * @param name PyTorch's
   * @param neededBy the setting that is not 0 where there is one; empty if always
   */
  record Array(String name, Optional<HyperParameter> neededBy) {
    static Array always(String name) {
      return new Array(name, Optional.empty());
    }

    static Array with(HyperParameter setting, String name) {
      return new Array(name, Optional.of(setting));
    }
  }

  private static final Set<HyperParameter> SWITCHES =
      Set.of(NESTEROV, CENTERED, AMSGRAD, MAXIMIZE, DECOUPLED_WEIGHT_DECAY);

  private static final TorchLayout ADAM =
      new TorchLayout(
          List.of(
              "lr",
              "betas",
              "eps",
              "weight_decay",
              "amsgrad",
              "maximize",
              "foreach",
              "capturable",
              "differentiable",
              "fused",
              "decoupled_weight_decay"),
          Set.of(LR, BETA1, BETA2, EPS, WEIGHT_DECAY, AMSGRAD, MAXIMIZE, DECOUPLED_WEIGHT_DECAY),
          List.of(
              Array.always("exp_avg"),
              Array.always("exp_avg_sq"),
              Array.with(AMSGRAD, "max_exp_avg_sq")),
          true);

  private static final Map<TorchOptimizer, TorchLayout> ALL =
      new EnumMap<>(
          Map.of(
              TorchOptimizer.SGD,
              new TorchLayout(
                  List.of(
                      "lr",
                      "momentum",
                      "dampening",
                      "weight_decay",
                      "nesterov",
                      "maximize",
                      "foreach",
                      "differentiable",
                      "fused"),
                  Set.of(LR, MOMENTUM, DAMPENING, WEIGHT_DECAY, NESTEROV, MAXIMIZE),
                  List.of(Array.with(MOMENTUM, "momentum_buffer")),
                  false),
              TorchOptimizer.RMSPROP,
              new TorchLayout(
                  List.of(
                      "lr",
                      "momentum",
                      "alpha",
                      "eps",
                      "centered",
                      "weight_decay",
                      "capturable",
                      "foreach",
                      "maximize",
                      "differentiable"),
                  Set.of(LR, MOMENTUM, ALPHA, EPS, CENTERED, WEIGHT_DECAY, MAXIMIZE),
                  List.of(
                      Array.always("square_avg"),
                      Array.with(MOMENTUM, "momentum_buffer"),
                      Array.with(CENTERED, "grad_avg")),
                  true),
              TorchOptimizer.ADAM,
              ADAM,
              TorchOptimizer.ADAMW,
              ADAM));

  static TorchLayout of(TorchOptimizer optimizer) {
    return ALL.get(optimizer);
  }

  /** The optimizer that has exactly these settings, if there is one. */
  static Optional<TorchOptimizer> optimizer(Map<HyperParameter, Double> settings) {
    for (Map.Entry<TorchOptimizer, TorchLayout> entry : ALL.entrySet()) {
      boolean decoupled = settings.getOrDefault(DECOUPLED_WEIGHT_DECAY, 0.0) != 0;
      if (entry.getValue().settings.equals(settings.keySet())
          && decoupled == (entry.getKey() == TorchOptimizer.ADAMW)) {
        return Optional.of(entry.getKey());
      }
    }
    return Optional.empty();
  }

  boolean hasState(String name) {
    return states.stream().anyMatch(array -> array.name().equals(name));
  }

  /** Whether PyTorch has a truth value for it. */
  static boolean isSwitch(HyperParameter setting) {
    return SWITCHES.contains(setting);
  }
}
