package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.JsonLine;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Samples;

/** Lines of JSON about the time of steps. */
final class Steps {
  private Steps() {}

  /** All but the rule, its bytes and the steps of a sample. */
  static JsonLine line(
      Place place,
      String library,
      String way,
      ModelShape model,
      Precision precision,
      Samples millis) {
    return JsonLine.of("step")
        .put("library", library)
        .put("version", "")
        .put("way", way)
        .put("model", model.key())
        .put("dtype", precision.key())
        .put("device", place.name())
        .put("rows", "normal")
        .put("threads", place.threads())
        .put("ms", millis.median())
        .put("ms_p25", millis.quantile(0.25))
        .put("ms_p75", millis.quantile(0.75))
        .put("samples", millis.count())
        .put("parameters", model.parameterCount());
  }
}
