package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Bandwidth;
import dev.warpstep.cli.bench.Contender;
import dev.warpstep.cli.bench.JsonLine;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Race;
import dev.warpstep.cli.bench.Rule;
import dev.warpstep.cli.bench.Samples;
import dev.warpstep.cli.bench.Subject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Steps fused and unfused in turn on any device, after their values were compared, with the
 * bandwidth of the memory in the same run. On CUDA by events, and where libcublas.so.12 is there,
 * with the unfused way that calls it.
 */
public final class DeviceRun {
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "device", "cuda:0",
          "rule", "adam,rmsprop,sgd_momentum",
          "model", "mlp_100k,resnet50,gpt2_124m",
          "dtype", "fp32",
          "unfused", "true",
          "seconds", "5");

  private static final int CHECKED_STEPS = 3;

  private DeviceRun() {}

  /** Prints lines for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    try (Place place = Place.of(options.text("device"))) {
      Bandwidth bandwidth = new Bandwidth();
      int seconds = options.number("seconds");
      for (Model model : options.constants("model", Model.class)) {
        bandwidth.measure(place, place.probeElements(), seconds / 2.0);
        for (Rule rule : options.constants("rule", Rule.class)) {
          for (Precision dtype : options.constants("dtype", Precision.class)) {
            boolean withUnfused =
                options.text("unfused").equals("true")
                    && dtype == Precision.FP32
                    && place.fits(model.shape());
            try (Subject subject =
                withUnfused
                    ? place.subject(rule, model.shape())
                    : place.fused(rule, dtype, model.shape())) {
              measure(place, rule, dtype, model.shape(), subject, seconds);
            }
          }
        }
      }
      print(place, "copy", bandwidth.copy());
      print(place, "stream", bandwidth.stream());
    }
  }

  private static void measure(
      Place place, Rule rule, Precision dtype, ModelShape model, Subject subject, int seconds) {
    subject
        .difference(model.sizes().size(), CHECKED_STEPS)
        .ifPresent(
            difference -> {
              throw new IllegalStateException("not the same values: " + difference);
            });
    List<String> ways = new ArrayList<>(List.of("fused"));
    List<Contender> contenders = new ArrayList<>(List.of(subject.fused()));
    subject
        .unfused()
        .forEach(
            (way, trainee) -> {
              ways.add(way);
              contenders.add(trainee);
            });
    Race race = new Race(place, contenders, model.stepsPerSample(), subject::flip);
    race.run(seconds);
    for (int i = 0; i < ways.size(); i++) {
      print(place, rule, dtype, model, ways.get(i), race, i);
    }
  }

  private static void print(
      Place place,
      Rule rule,
      Precision dtype,
      ModelShape model,
      String way,
      Race race,
      int contender) {
    String library = contender == 0 ? "warpstep" : "unfused";
    Steps.line(place, library, way, model, dtype, race.millis(contender))
        .put("rule", rule.key())
        .put("steps_per_sample", race.stepsPerSample())
        .put("bytes_per_parameter", dtype.bytesPerParameter(rule))
        .print();
    if (contender > 0) {
      Samples ratios = race.ratios(contender, 0);
      Steps.speedup(place, way, model, dtype, ratios).put("rule", rule.key()).print();
    }
  }

  private static void print(Place place, String name, double gigabytesPerSecond) {
    JsonLine.of("bandwidth")
        .put("name", name)
        .put("device", place.name())
        .put("threads", place.threads())
        .put("gigabytes_per_second", gigabytesPerSecond)
        .print();
  }
}
