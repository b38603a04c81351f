package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Samples;
import java.util.List;
import java.util.Map;

/**
 * Times {@link FullStep}; an unfused one in turn with the fused one, after their values were
 * compared. The gradients are filled untimed. On CUDA, by events.
 */
public final class FullStepRun {
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "device", "cpu:2",
          "model", "mlp_100k,resnet50,gpt2_124m",
          "dtype", "fp32",
          "way", "fused",
          "samples", "21");

  private static final long WARM_UP_NANOS = 1_500_000_000;

  private FullStepRun() {}

  /** Prints lines for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    for (String device : options.list("device", name -> name)) {
      try (Place place = Place.of(device)) {
        for (Precision precision : options.constants("dtype", Precision.class)) {
          for (Model model : options.constants("model", Model.class)) {
            for (FullStep.Way way : options.constants("way", FullStep.Way.class)) {
              measure(place, precision, model, way, options.number("samples"));
            }
          }
        }
      }
    }
  }

  private static void measure(
      Place place, Precision precision, Model model, FullStep.Way way, int samples) {
    try (FullStep fused = new FullStep(place, precision, model.shape(), FullStep.Way.FUSED)) {
      if (way == FullStep.Way.FUSED) {
        print(place, precision, model, way, times(place, model, List.of(fused), samples)[0]);
        return;
      }
      try (FullStep unfused = new FullStep(place, precision, model.shape(), way)) {
        fused
            .difference(unfused)
            .ifPresent(
                difference -> {
                  throw new IllegalStateException("not the same values: " + difference);
                });
        double[][] times = times(place, model, List.of(fused, unfused), samples);
        print(place, precision, model, way, times[1]);
        double[] ratios = new double[times[0].length];
        for (int i = 0; i < ratios.length; i++) {
          ratios[i] = times[1][i] / times[0][i];
        }
        Steps.speedup(place, way.key(), model.shape(), precision, new Samples(ratios))
            .put("rule", "full step")
            .print();
      }
    }
  }

  /** Milliseconds, each in turn. */
  private static double[][] times(Place place, Model model, List<FullStep> steps, int samples) {
    for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
      steps.forEach(step -> time(place, step));
    }
    double[][] millis = new double[steps.size()][samples * model.shape().stepsPerSample()];
    for (int i = 0; i < millis[0].length; i++) {
      for (int j = 0; j < steps.size(); j++) {
        int which = (i + j) % steps.size();
        millis[which][i] = time(place, steps.get(which));
      }
    }
    return millis;
  }

  private static double time(Place place, FullStep step) {
    step.refill();
    return place.milliseconds(step::step);
  }

  private static void print(
      Place place, Precision precision, Model model, FullStep.Way way, double[] millis) {
    boolean fused = way == FullStep.Way.FUSED;
    Steps.line(
            place,
            fused ? "warpstep" : "unfused",
            fused ? "full step" : "full step, " + way.key(),
            model.shape(),
            precision,
            new Samples(millis))
        .put("rule", "adamw")
        .put("steps_per_sample", 1)
        .put("bytes_per_parameter", precision.bytesPerParameterOfFullStep())
        .print();
  }
}
