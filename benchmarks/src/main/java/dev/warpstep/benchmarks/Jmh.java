package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.JsonLine;
import java.util.Collection;
import java.util.Locale;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * JMH with its own arguments, for example {@code StepBenchmark -p model=MLP_100K}; measures the
 * allocation too, and prints each result once more as a line of JSON.
 */
public final class Jmh {
  private Jmh() {}

  /** Runs benchmarks. */
  public static void main(String[] args) throws RunnerException, CommandLineOptionException {
    Collection<RunResult> results =
        new Runner(
                new OptionsBuilder()
                    .parent(new CommandLineOptions(args))
                    .addProfiler(GCProfiler.class)
                    .build())
            .run();
    results.forEach(result -> line(result).print());
  }

  private static JsonLine line(RunResult result) {
    String name = result.getParams().getBenchmark();
    JsonLine line = JsonLine.of("jmh").put("benchmark", name.replaceFirst(".*\\.(?=.*\\.)", ""));
    for (String key : result.getParams().getParamsKeys()) {
      line.put(key, result.getParams().getParam(key).toLowerCase(Locale.ROOT));
    }
    String unit = result.getPrimaryResult().getScoreUnit().replace("/op", "");
    line.put(unit, result.getPrimaryResult().getScore());
    line.put(unit + "_error", result.getPrimaryResult().getScoreError());
    result
        .getSecondaryResults()
        .forEach(
            (label, secondary) -> {
              switch (label) {
                case "gc.alloc.rate.norm" ->
                    line.put("bytes_per_op", secondary.getStatistics().getMin());
                case "megabytes",
                    "gigabytesPerSecond",
                    "shareOfCopy",
                    "shareOfStream",
                    "deviceMicroseconds" ->
                    // JMH adds up what the iterations counted.
                    line.put(label, secondary.getStatistics().getMean());
                default -> {
                  // Rates and counts of collections, which say nothing here.
                }
              }
            });
    return line;
  }
}
