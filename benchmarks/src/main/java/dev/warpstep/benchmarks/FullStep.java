package dev.warpstep.benchmarks;

import dev.warpstep.AdamW;
import dev.warpstep.AveragedParameters;
import dev.warpstep.GradScaler;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import dev.warpstep.cli.bench.Contender;
import dev.warpstep.cli.bench.Gradients;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import java.util.ArrayList;
import java.util.List;

/**
 * A whole training step after the backward pass: unscale, finite check, global-norm clip, AdamW,
 * moving average, zeroed gradients. Gradients have to be filled anew before each step.
 */
final class FullStep implements Contender {
  private final List<AutoCloseable> owned = new ArrayList<>();
  private final Optimizer adamw;
  private final StepOptions options;
  private final Gradients gradients;
  private final long bytes;

  FullStep(Place place, Precision precision, ModelShape model) {
    List<Parameter> parameters = place.parameters(precision, model);
    this.bytes = precision.bytesPerParameterOfFullStep() * model.parameterCount();
    this.gradients = place.gradients(precision, parameters);
    this.adamw = precision.configure(AdamW.builder().lr(1e-3)).build(place.device(), parameters);
    GradScaler scaler = GradScaler.builder().build(place.device());
    AveragedParameters ema = AveragedParameters.ema(adamw, 0.999);
    owned.addAll(List.of(gradients, ema, scaler, adamw));
    owned.addAll(parameters);
    this.options =
        StepOptions.builder().gradScaler(scaler).maxNorm(1).average(ema).zeroGrad(true).build();
  }

  /** Fills the gradients. */
  void refill() {
    gradients.flip();
  }

  @Override
  public void step() {
    adamw.step(options);
  }

  @Override
  public long bytesPerStep() {
    return bytes;
  }

  @Override
  public void close() {
    for (AutoCloseable closeable : owned) {
      try {
        closeable.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close " + closeable, e);
      }
    }
  }
}
