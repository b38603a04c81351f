package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.GradScaler;
import dev.warpstep.MasterWeights;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.StepOptions;
import dev.warpstep.golden.FullStepCase.Scale;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.MixedCase;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** An optimizer over 16-bit parameters with the settings of a golden case. */
final class MixedTraining implements AutoCloseable {
  /** PyTorch's own norms in fp32 are up to 6.6e-7 from its norms in fp64. */
  private static final double NORM_RELATIVE = 1e-6;

  private final MixedCase golden;
  private final ElementWitness witness;
  private final Device device = Device.cpu(2);
  private final List<short[]> values = new ArrayList<>();
  private final List<Parameter> parameters = new ArrayList<>();
  private final Optimizer optimizer;
  private final Optional<GradScaler> scaler;

  MixedTraining(MixedCase golden, MasterWeights masterWeights, DType stateDtype) {
    this.golden = golden;
    this.witness = ElementWitness.of(golden.dtype());
    for (int t = 0; t < golden.sizes().size(); t++) {
      values.add(witness.nearest(golden.initial(t)));
      parameters.add(
          Parameter.of("tensor" + t, golden.dtype(), MemorySegment.ofArray(values.get(t))));
    }
    ParamGroup group = ParamGroup.of(parameters);
    GoldenSettings.named(golden.options()).forEach(group::set);
    optimizer =
        GoldenSettings.builder(golden.optimizer())
            .masterWeights(masterWeights)
            .stateDtype(stateDtype)
            .build(device, group);
    scaler =
        golden
            .scaler()
            .map(
                s ->
                    GradScaler.builder()
                        .initScale(s.initScale())
                        .growthFactor(s.growthFactor())
                        .backoffFactor(s.backoffFactor())
                        .growthInterval(s.growthInterval())
                        .build(device));
  }

  Optimizer optimizer() {
    return optimizer;
  }

  Parameter parameter(int tensor) {
    return parameters.get(tensor);
  }

  /** The parameter's memory. */
  short[] values(int tensor) {
    return values.get(tensor);
  }

  /** A copy of a state array of 16 bits. */
  short[] state(int tensor, String name) {
    StateTensor state = stateTensor(tensor, name);
    assertEquals(golden.dtype(), state.dtype());
    short[] copy = new short[Math.toIntExact(parameters.get(tensor).elementCount())];
    MemorySegment.ofArray(copy).copyFrom(state.values());
    return copy;
  }

  /** A state array of any type. */
  StateTensor stateTensor(int tensor, String name) {
    return optimizer.state().get(parameters.get(tensor)).tensor(name);
  }

  /**
   * Replaces the state.
   *
   * @param steps that were taken
   * @param states of each tensor arrays of 16 bits by name
   */
  void load(long steps, List<Map<String, short[]>> states) {
    boolean counts = !golden.optimizer().equals("SGD");
    Map<String, ParameterState> loaded = new LinkedHashMap<>();
    for (int t = 0; t < states.size(); t++) {
      List<Long> shape = parameters.get(t).shape();
      Map<String, StateTensor> tensors = new LinkedHashMap<>();
      states
          .get(t)
          .forEach(
              (name, bits) ->
                  tensors.put(
                      name, new StateTensor(golden.dtype(), shape, MemorySegment.ofArray(bits))));
      if (counts || !tensors.isEmpty()) {
        OptionalLong step = counts ? OptionalLong.of(steps) : OptionalLong.empty();
        loaded.put(parameters.get(t).name(), new ParameterState(step, tensors));
      }
    }
    optimizer.loadStateDict(new StateDict(optimizer.stateDict().paramGroups(), loaded));
  }

  /** Options for the case's clipping and scaling. */
  StepOptions.Builder options() {
    var builder = StepOptions.builder();
    golden.maxNorm().ifPresent(builder::maxNorm);
    golden.clipValue().ifPresent(builder::clipValue);
    scaler.ifPresent(builder::gradScaler);
    return builder;
  }

  /** Gives the parameters their gradients of a step, times the scale. */
  void setGradients(int step) {
    double scale = scaler.map(GradScaler::scale).orElse(1.0);
    for (int t = 0; t < parameters.size(); t++) {
      short[] gradient = witness.nearest(golden.gradient(t, step, scale));
      parameters.get(t).gradient(golden.dtype(), MemorySegment.ofArray(gradient));
    }
  }

  /** Takes a step with the case's clipping and scaling. */
  void step(int step) {
    setGradients(step);
    optimizer.step(options().build());
  }

  /** Takes a step and compares what became of it. */
  void step(StepOptions options, int step) {
    Optional<Step> recorded =
        golden.steps().isEmpty() ? Optional.empty() : Optional.of(golden.steps().get(step - 1));
    setGradients(step);
    var result = optimizer.step(options);
    recorded.ifPresent(
        r -> {
          String where = "step " + step;
          assertEquals(r.skipped(), result.skipped(), where);
          result
              .norm()
              .ifPresent(
                  norm ->
                      assertEquals(
                          r.norm(),
                          norm,
                          Double.isFinite(r.norm()) ? NORM_RELATIVE * r.norm() : 0,
                          where));
          r.scale().ifPresent(scale -> compare(scale, result.scale(), where));
        });
  }

  private void compare(Scale recorded, double used, String where) {
    assertEquals(recorded.used(), used, where);
    assertEquals(recorded.next(), scaler.orElseThrow().scale(), where);
    assertEquals(recorded.growthTracker(), scaler.orElseThrow().growthTracker(), where);
  }

  @Override
  public void close() {
    scaler.ifPresent(GradScaler::close);
    optimizer.close();
    device.close();
  }
}
