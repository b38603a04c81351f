package dev.warpstep.benchmarks;

import dev.warpstep.AdamW;
import dev.warpstep.AveragedParameters;
import dev.warpstep.Device;
import dev.warpstep.GradScaler;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A whole training step after the backward pass: unscale, finite check, global-norm clip, AdamW,
 * moving average, zeroed gradients. Gradients are filled anew before each step, untimed.
 */
public final class FullStepRun {
  private static final Map<String, String> DEFAULTS =
      Map.of("model", "mlp_100k,resnet50,gpt2_124m", "threads", "2", "samples", "21");

  /**
   * The norm pass reads the gradient; the update reads parameter, gradient, two moments and the
   * average, and writes all five.
   */
  private static final int BYTES_PER_PARAMETER = 44;

  private static final long WARM_UP_NANOS = 1_500_000_000;

  private FullStepRun() {}

  /** Prints a line for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    for (Model model : options.constants("model", Model.class)) {
      for (int threads : options.list("threads", Integer::valueOf)) {
        measure(model, threads, options.number("samples"));
      }
    }
  }

  private static void measure(Model model, int threads, int samples) {
    try (Device device = Device.cpu(threads)) {
      var parameters =
          IntStream.range(0, model.sizes().size())
              .mapToObj(i -> Parameter.allocate(device, "parameter" + i, model.sizes().get(i)))
              .toList();
      Gradients.fill(parameters.stream().map(Parameter::data).toList(), Rows.NORMAL.tile());
      Gradients gradients =
          new Gradients(
              parameters.stream().map(p -> p.gradient().orElseThrow()).toList(), Rows.NORMAL);
      try (AdamW adamw = AdamW.builder().lr(1e-3).build(device, parameters);
          GradScaler scaler = GradScaler.builder().build(device);
          AveragedParameters ema = AveragedParameters.ema(adamw, 0.999)) {
        StepOptions step =
            StepOptions.builder().gradScaler(scaler).maxNorm(1).average(ema).zeroGrad(true).build();
        for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
          gradients.flip();
          adamw.step(step);
        }
        double[] millis = new double[samples * model.stepsPerSample()];
        for (int i = 0; i < millis.length; i++) {
          gradients.flip();
          long begin = System.nanoTime();
          adamw.step(step);
          millis[i] = (System.nanoTime() - begin) / 1e6;
        }
        print(model, threads, new Samples(millis));
      }
      parameters.forEach(Parameter::close);
    }
  }

  private static void print(Model model, int threads, Samples millis) {
    JsonLine.of("step")
        .put("library", "warpstep")
        .put("version", "")
        .put("way", "full step")
        .put("rule", "adamw")
        .put("model", model.key())
        .put("rows", "normal")
        .put("threads", threads)
        .put("ms", millis.median())
        .put("ms_p25", millis.quantile(0.25))
        .put("ms_p75", millis.quantile(0.75))
        .put("samples", millis.count())
        .put("steps_per_sample", 1)
        .put("parameters", model.parameterCount())
        .put("bytes_per_parameter", BYTES_PER_PARAMETER)
        .print();
  }
}
