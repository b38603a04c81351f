package dev.warpstep.benchmarks;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * DJL's optimizers on its PyTorch engine, as its {@code Trainer} calls them: one {@code update} per
 * parameter. Data, samples and settings are those of {@link PairedRun}.
 */
public final class DjlPeer {
  private static final Map<String, String> DEFAULTS =
      Map.of(
          "rule", "adam",
          "model", "mlp_100k,resnet50,gpt2_124m",
          "threads", "2",
          "samples", "11");

  private static final long WARM_UP_NANOS = 1_500_000_000;

  private DjlPeer() {}

  /** Prints a line for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    int threads = Integer.getInteger("ai.djl.pytorch.num_threads");
    if (options.number("threads") != threads) {
      throw new IllegalArgumentException(
          "threads is set by -Dai.djl.pytorch.num_threads, was %d".formatted(threads));
    }
    for (Rule rule : options.constants("rule", Rule.class)) {
      for (Model model : options.constants("model", Model.class)) {
        try (NDManager manager = NDManager.newBaseManager()) {
          measure(manager, rule, model, threads, options.number("samples"));
        }
      }
    }
  }

  /** Empty for RMSprop, which DJL's PyTorch engine answers with "Not implemented". */
  private static Optional<Optimizer> optimizer(Rule rule) {
    Tracker lr = Tracker.fixed(1e-3f);
    return switch (rule) {
      case ADAM -> Optional.of(Optimizer.adam().optLearningRateTracker(lr).build());
      case RMSPROP -> Optional.empty();
      case SGD_MOMENTUM ->
          Optional.of(Optimizer.sgd().setLearningRateTracker(lr).optMomentum(0.9f).build());
    };
  }

  private static void measure(
      NDManager manager, Rule rule, Model model, int threads, int sampleCount) {
    Optional<Optimizer> available = optimizer(rule);
    if (available.isEmpty()) {
      System.err.println("DJL's PyTorch engine has no " + rule.key());
      return;
    }
    Optimizer optimizer = available.get();
    List<NDArray> values = new ArrayList<>();
    List<NDArray> gradients = new ArrayList<>();
    for (int size : model.sizes()) {
      values.add(manager.randomUniform(-0.5f, 0.5f, new Shape(size)));
      gradients.add(signed(manager, size));
    }
    long end = System.nanoTime() + WARM_UP_NANOS;
    do {
      step(optimizer, values, gradients);
    } while (System.nanoTime() < end);
    double[] millis = new double[sampleCount];
    for (int sample = 0; sample < sampleCount; sample++) {
      gradients.forEach(gradient -> gradient.muli(-1));
      step(optimizer, values, gradients);
      long begin = System.nanoTime();
      for (int i = 0; i < model.stepsPerSample(); i++) {
        step(optimizer, values, gradients);
      }
      millis[sample] = (System.nanoTime() - begin) / 1e6 / model.stepsPerSample();
    }
    print(rule, model, threads, new Samples(millis));
  }

  private static void step(Optimizer optimizer, List<NDArray> values, List<NDArray> gradients) {
    for (int i = 0; i < values.size(); i++) {
      optimizer.update("parameter" + i, values.get(i), gradients.get(i));
    }
  }

  /** Of either sign, 0.5e-2 to 1.5e-2 large. */
  private static NDArray signed(NDManager manager, int size) {
    try (NDArray magnitudes = manager.randomUniform(0.5e-2f, 1.5e-2f, new Shape(size));
        NDArray signs = manager.randomUniform(-1, 1, new Shape(size)).sign()) {
      return magnitudes.mul(signs);
    }
  }

  private static void print(Rule rule, Model model, int threads, Samples samples) {
    Engine engine = Engine.getInstance();
    JsonLine.of("step")
        .put("library", "djl")
        .put("version", Engine.getDjlVersion() + ", PyTorch " + engine.getVersion())
        .put("way", "update")
        .put("rule", rule.key())
        .put("model", model.key())
        .put("rows", Rows.NORMAL.key())
        .put("threads", threads)
        .put("ms", samples.median())
        .put("ms_p25", samples.quantile(0.25))
        .put("ms_p75", samples.quantile(0.75))
        .put("samples", samples.count())
        .put("steps_per_sample", model.stepsPerSample())
        .put("parameters", model.parameterCount())
        .put("bytes_per_parameter", rule.bytesPerParameter())
        .print();
  }
}
