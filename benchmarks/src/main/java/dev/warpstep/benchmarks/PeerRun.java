package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.JsonLine;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Rule;
import dev.warpstep.cli.bench.Samples;

/**
 * Times a step of another library as {@link PairedRun} does one of this.
 *
 * @param library for example {@code djl}
 * @param way how the step is called there
 * @param threads that it was told to use
 * @param sampleCount how many samples to take
 */
public record PeerRun(String library, String version, String way, int threads, int sampleCount) {
  private static final long WARM_UP_NANOS = 1_500_000_000;

  /** Whether the allocator was told to give no memory back to the system between two steps. */
  private static boolean keepsMemory() {
    String tunables = System.getenv("GLIBC_TUNABLES");
    return tunables != null && tunables.contains("glibc.malloc.trim_threshold");
  }

  /**
   * Measures, and prints a line.
   *
   * @param step updates every tensor of the model
   * @param flip gives every gradient the other sign, before each sample
   * @param stepsPerSample steps that are timed together
   */
  public void measure(Rule rule, Model model, Runnable step, Runnable flip, int stepsPerSample) {
    long end = System.nanoTime() + WARM_UP_NANOS;
    do {
      flip.run();
      step.run();
    } while (System.nanoTime() < end);
    double[] millis = new double[sampleCount];
    for (int sample = 0; sample < sampleCount; sample++) {
      flip.run();
      if (stepsPerSample > 1) {
        step.run();
      }
      long begin = System.nanoTime();
      for (int i = 0; i < stepsPerSample; i++) {
        step.run();
      }
      millis[sample] = (System.nanoTime() - begin) / 1e6 / stepsPerSample;
    }
    Samples samples = new Samples(millis);
    JsonLine.of("step")
        .put("library", library)
        .put("version", version)
        .put("way", keepsMemory() ? way + ", memory kept" : way)
        .put("rule", rule.key())
        .put("model", model.key())
        .put("dtype", Precision.FP32.key())
        .put("device", "cpu")
        .put("rows", Rows.NORMAL.key())
        .put("threads", threads)
        .put("ms", samples.median())
        .put("ms_p25", samples.quantile(0.25))
        .put("ms_p75", samples.quantile(0.75))
        .put("samples", samples.count())
        .put("steps_per_sample", stepsPerSample)
        .put("parameters", model.shape().parameterCount())
        .put("bytes_per_parameter", Precision.FP32.bytesPerParameter(rule))
        .print();
  }
}
