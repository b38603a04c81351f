package dev.warpstep.rules;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import java.util.List;
import java.util.function.Supplier;

/**
 * One row of {@link RulesUnderTest}: a rule with a set of options, and everything it is tested
 * against.
 *
 * @param name for example {@code Adam/amsgrad}
 * @param entry the kernel that the options select
 * @param builder of a façade's optimizer with the options
 * @param settings all hyper-parameters, the options and PyTorch's defaults
 * @param oracle the rule in double arithmetic
 * @param witness the rule in Java fp32, by bits
 * @param bound how far fp32 may be from the oracle in one step
 */
public record RuleUnderTest(
    String name,
    String entry,
    Supplier<Optimizer.Builder<?, ?>> builder,
    Settings settings,
    Oracle oracle,
    Witness witness,
    ErrorBound bound) {

  static RuleUnderTest of(
      String name,
      String entry,
      Supplier<Optimizer.Builder<?, ?>> builder,
      Oracle oracle,
      Witness witness,
      ErrorBound bound) {
    return new RuleUnderTest(name, entry, builder, settings(builder), oracle, witness, bound);
  }

  /** What the façade makes of the options. */
  private static Settings settings(Supplier<Optimizer.Builder<?, ?>> builder) {
    try (Device device = Device.cpu(1);
        Parameter parameter = Parameter.of("any", new float[1]);
        Optimizer optimizer = builder.get().build(device, List.of(parameter))) {
      return new Settings(optimizer.defaults());
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
