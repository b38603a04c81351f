package dev.warpstep.rules;

import dev.warpstep.Adam;
import dev.warpstep.AdamW;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import dev.warpstep.golden.GoldenCase.Options;
import dev.warpstep.golden.GoldenCase.TypedValue;
import dev.warpstep.golden.GoldenCases;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** PyTorch's options in the terms of the façade. */
final class GoldenSettings {
  /** How PyTorch runs its step, not what the step computes: there is nothing to choose here. */
  static final Set<String> NOT_OFFERED = Set.of("foreach", "fused", "capturable", "differentiable");

  private static final Map<String, Map<HyperParameter, Double>> DEFAULTS =
      GoldenCases.OPTIMIZERS.stream().collect(Collectors.toMap(o -> o, GoldenSettings::defaults));

  private GoldenSettings() {}

  /** A builder of the optimizer with PyTorch's name. */
  static Optimizer.Builder<?, ?> builder(String optimizer) {
    return switch (optimizer) {
      case "SGD" -> SGD.builder();
      case "RMSprop" -> RMSprop.builder();
      case "Adam" -> Adam.builder();
      case "AdamW" -> AdamW.builder();
      default -> throw new IllegalArgumentException(optimizer);
    };
  }

  /** The hyper-parameter with PyTorch's name. */
  static HyperParameter key(String name) {
    return HyperParameter.valueOf(name.toUpperCase(Locale.ROOT));
  }

  /** Options that a case sets, and nothing else. */
  static Map<HyperParameter, Double> named(Options options) {
    Map<HyperParameter, Double> named = new EnumMap<>(HyperParameter.class);
    options.values().forEach((name, value) -> named.put(key(name), number(value)));
    return named;
  }

  /** Options of a case, completed by PyTorch's defaults. */
  static Settings complete(String optimizer, Options options) {
    Map<HyperParameter, Double> complete = new EnumMap<>(DEFAULTS.get(optimizer));
    complete.putAll(named(options));
    return new Settings(complete);
  }

  /** PyTorch's defaults, with the switch that AdamW's constructor sets. */
  static Map<HyperParameter, Double> defaults(String optimizer) {
    Map<HyperParameter, Double> defaults = numbers(GoldenCases.defaults(optimizer));
    if (optimizer.equals("AdamW")) {
      defaults.put(HyperParameter.DECOUPLED_WEIGHT_DECAY, 1.0);
    }
    return defaults;
  }

  /** Recorded values, {@code betas} split in two, without those that are not offered. */
  static Map<HyperParameter, Double> numbers(Map<String, TypedValue> recorded) {
    Map<HyperParameter, Double> numbers = new EnumMap<>(HyperParameter.class);
    recorded.forEach(
        (name, typed) -> {
          if (name.equals("betas")) {
            double[] betas =
                Arrays.stream(typed.value().replaceAll("[()]", "").split(",", -1))
                    .mapToDouble(Double::parseDouble)
                    .toArray();
            numbers.put(HyperParameter.BETA1, betas[0]);
            numbers.put(HyperParameter.BETA2, betas[1]);
          } else if (!NOT_OFFERED.contains(name) && !name.equals("params")) {
            numbers.put(key(name), number(typed.value()));
          }
        });
    return numbers;
  }

  private static double number(String value) {
    return flag(value).map(on -> on ? 1.0 : 0.0).orElseGet(() -> Double.valueOf(value));
  }

  private static Optional<Boolean> flag(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "true" -> Optional.of(true);
      case "false" -> Optional.of(false);
      default -> Optional.empty();
    };
  }
}
