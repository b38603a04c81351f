package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Samples;
import java.util.Map;

/** Times {@link FullStep}; the gradients are filled untimed. On CUDA, by events. */
public final class FullStepRun {
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "device", "cpu:2",
          "model", "mlp_100k,resnet50,gpt2_124m",
          "dtype", "fp32",
          "samples", "21");

  private static final long WARM_UP_NANOS = 1_500_000_000;

  private FullStepRun() {}

  /** Prints a line for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    for (String device : options.list("device", name -> name)) {
      try (Place place = Place.of(device)) {
        for (Precision precision : options.constants("dtype", Precision.class)) {
          for (Model model : options.constants("model", Model.class)) {
            measure(place, precision, model, options.number("samples"));
          }
        }
      }
    }
  }

  private static void measure(Place place, Precision precision, Model model, int samples) {
    try (FullStep full = new FullStep(place, precision, model.shape())) {
      for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
        full.refill();
        place.milliseconds(full::step);
      }
      double[] millis = new double[samples * model.shape().stepsPerSample()];
      for (int i = 0; i < millis.length; i++) {
        full.refill();
        millis[i] = place.milliseconds(full::step);
      }
      Steps.line(place, "warpstep", "full step", model.shape(), precision, new Samples(millis))
          .put("rule", "adamw")
          .put("steps_per_sample", 1)
          .put("bytes_per_parameter", precision.bytesPerParameterOfFullStep())
          .print();
    }
  }
}
