package dev.warpstep.benchmarks;

import com.sun.management.ThreadMXBean;
import dev.warpstep.cli.bench.Contender;
import dev.warpstep.cli.bench.CpuPlace;
import dev.warpstep.cli.bench.CpuUnfused;
import dev.warpstep.cli.bench.Gradients;
import dev.warpstep.cli.bench.JsonLine;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.cli.bench.Rule;
import dev.warpstep.cli.bench.Samples;
import dev.warpstep.cli.bench.StreamProbe;
import java.lang.management.ManagementFactory;
import java.util.Map;

/**
 * Measures two things in turn, in one process, and reports what each took and their ratio pair by
 * pair. Whatever slows the machine down for a moment slows down both sides of a pair, so that the
 * median of the ratios says more than the ratio of two medians from two runs.
 *
 * <pre>
 *   figure=probe     share of the probe's bandwidth that a step reaches; 1 is the memory's limit
 *   figure=unfused   how many times as fast as one pass per operation
 *   figure=decayed   how many times as slow as normal: rows without a gradient
 * </pre>
 */
public final class PairedRun {
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "figure", "probe",
          "rule", "adam",
          "model", "mlp_100k,resnet50,gpt2_124m",
          "memory", "native",
          "threads", "2",
          "rows", "zero,tiny,denormal_squares",
          "pairs", "31");

  /** Long enough for the compiler to finish with the loops that hand out chunks. */
  private static final long WARM_UP_NANOS = 1_500_000_000;

  /** Counts what every thread allocates, the library's own included. */
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final ModelShape model;
  private final Gradients gradients;
  private final Contender[] contenders;
  private final int pairs;
  private final double[][] millis;
  private final double[][] allocatedBytes;

  private PairedRun(
      ModelShape model, Gradients gradients, Contender first, Contender second, int pairs) {
    this.model = model;
    this.gradients = gradients;
    this.contenders = new Contender[] {first, second};
    this.pairs = pairs;
    this.millis = new double[2][pairs];
    this.allocatedBytes = new double[2][pairs];
  }

  /** Prints lines for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    for (String figure : options.list("figure", figure -> figure)) {
      for (Rule rule : options.constants("rule", Rule.class)) {
        for (Model model : options.constants("model", Model.class)) {
          for (int threads : options.list("threads", Integer::valueOf)) {
            Case of = new Case(rule, model, threads, options.number("pairs"));
            switch (figure) {
              case "probe" -> options.constants("memory", Memory.class).forEach(of::probe);
              case "unfused" -> of.unfused();
              case "decayed" -> options.constants("rows", Rows.class).forEach(of::decayed);
              default ->
                  throw new IllegalArgumentException(
                      "figure must be probe, unfused or decayed, was " + figure);
            }
          }
        }
      }
    }
  }

  /** What is measured, the second contender apart. */
  private record Case(Rule rule, Model model, int threads, int pairs) {
    void probe(Memory memory) {
      try (CpuPlace place = new CpuPlace(threads);
          DecayedState state = DecayedState.of(place, rule, model.shape(), memory, Rows.NORMAL);
          StreamProbe probe =
              new StreamProbe(place.newBackend(), model.shape().sizes(), memory == Memory.HEAP)) {
        PairedRun run = run(state, probe).measure();
        printStep(run, 0, "warpstep", memory.key(), Rows.NORMAL);
        printStep(run, 1, "probe", memory.key(), Rows.NORMAL);
        Samples share =
            run.ratios(1, 0, (double) state.fused().bytesPerStep() / probe.bytesPerStep());
        printPair("share_of_probe", memory.key(), Rows.NORMAL, share);
      }
    }

    void unfused() {
      try (CpuPlace place = new CpuPlace(threads);
          DecayedState state =
              DecayedState.of(place, rule, model.shape(), Memory.HEAP, Rows.NORMAL)) {
        new CpuUnfused(rule, state.gradients(), threads)
            .ways()
            .forEach(
                (way, unfused) -> {
                  PairedRun run = run(state, unfused).measure();
                  printStep(run, 1, "unfused", way, Rows.NORMAL);
                  printPair("speedup_over_unfused", way, Rows.NORMAL, run.ratios(1, 0, 1));
                });
      }
    }

    void decayed(Rows rows) {
      try (CpuPlace place = new CpuPlace(threads);
          DecayedState decayed = DecayedState.of(place, rule, model.shape(), Memory.NATIVE, rows);
          DecayedState normal =
              DecayedState.of(place, rule, model.shape(), Memory.NATIVE, Rows.NORMAL)) {
        PairedRun run = run(decayed, normal.fused()).measure();
        printStep(run, 0, "warpstep", "native", rows);
        printPair("slowdown_by_rows", "native", rows, run.ratios(0, 1, 1));
      }
    }

    private PairedRun run(DecayedState first, Contender second) {
      return new PairedRun(model.shape(), first.gradients(), first.fused(), second, pairs);
    }

    private void printStep(PairedRun run, int side, String library, String way, Rows rows) {
      Samples samples = new Samples(run.millis[side]);
      Samples allocated = new Samples(run.allocatedBytes[side]);
      identified(JsonLine.of("step").put("library", library).put("version", ""), way, rows)
          .put("ms", samples.median())
          .put("ms_p25", samples.quantile(0.25))
          .put("ms_p75", samples.quantile(0.75))
          .put("samples", samples.count())
          .put("steps_per_sample", model.shape().stepsPerSample())
          .put("parameters", model.shape().parameterCount())
          .put(
              "bytes_per_parameter",
              run.contenders[side].bytesPerStep() / model.shape().parameterCount())
          .put("allocated_bytes_per_step", allocated.median() / model.shape().stepsPerSample())
          .put("allocated_bytes_at_most", (long) allocated.quantile(1))
          .print();
    }

    private void printPair(String figure, String way, Rows rows, Samples ratios) {
      identified(JsonLine.of("pair").put("figure", figure), way, rows)
          .put("ratio", ratios.median())
          .put("ratio_p25", ratios.quantile(0.25))
          .put("ratio_p75", ratios.quantile(0.75))
          .put("pairs", ratios.count())
          .print();
    }

    private JsonLine identified(JsonLine line, String way, Rows rows) {
      return line.put("way", way)
          .put("rule", rule.key())
          .put("model", model.key())
          .put("dtype", Precision.FP32.key())
          .put("device", "cpu")
          .put("rows", rows.key())
          .put("threads", threads);
    }
  }

  private PairedRun measure() {
    long end = System.nanoTime() + WARM_UP_NANOS;
    do {
      sample(0, 0);
      sample(1, 0);
    } while (System.nanoTime() < end);
    for (int pair = 0; pair < pairs; pair++) {
      gradients.flip();
      // Each goes first in every other pair.
      sample(pair % 2, pair);
      sample(1 - pair % 2, pair);
    }
    return this;
  }

  private void sample(int side, int pair) {
    int steps = model.stepsPerSample();
    Contender contender = contenders[side];
    contender.step(); // untimed: the other side's arrays leave the cache
    long allocated = THREADS.getTotalThreadAllocatedBytes();
    long begin = System.nanoTime();
    for (int step = 0; step < steps; step++) {
      contender.step();
    }
    long nanos = System.nanoTime() - begin;
    allocatedBytes[side][pair] = THREADS.getTotalThreadAllocatedBytes() - allocated;
    millis[side][pair] = nanos / 1e6 / steps;
  }

  /** Time of one side over time of the other, pair by pair, times a factor. */
  private Samples ratios(int numerator, int denominator, double factor) {
    double[] ratios = new double[pairs];
    for (int pair = 0; pair < pairs; pair++) {
      ratios[pair] = factor * millis[numerator][pair] / millis[denominator][pair];
    }
    return new Samples(ratios);
  }
}
