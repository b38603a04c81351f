package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.JsonLine;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Samples;

/** Lines of JSON about the time of steps. */
final class Steps {
  private Steps() {}

  /** How many times as long an unfused way takes; all but the rule. */
  static JsonLine speedup(
      Place place, String way, ModelShape model, Precision precision, Samples ratios) {
    return JsonLine.of("pair")
        .put("figure", "speedup_over_unfused")
        .put("model", model.key())
        .put("dtype", precision.key())
        .put("device", place.name())
        .put("rows", "normal")
        .put("threads", place.threads())
        .put("way", way)
        .put("ratio", ratios.median())
        .put("ratio_p25", ratios.quantile(0.25))
        .put("ratio_p75", ratios.quantile(0.75))
        .put("pairs", ratios.count());
  }

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
