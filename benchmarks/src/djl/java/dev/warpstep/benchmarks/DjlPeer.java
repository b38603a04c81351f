package dev.warpstep.benchmarks;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Rule;
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
    for (long size : model.shape().sizes()) {
      values.add(manager.randomUniform(-0.5f, 0.5f, new Shape(size)));
      gradients.add(signed(manager, size));
    }
    Engine engine = Engine.getInstance();
    String version = Engine.getDjlVersion() + ", PyTorch " + engine.getVersion();
    new PeerRun("djl", version, "update", threads, sampleCount)
        .measure(
            rule,
            model,
            () -> step(optimizer, values, gradients),
            () -> gradients.forEach(gradient -> gradient.muli(-1)),
            model.shape().stepsPerSample());
  }

  private static void step(Optimizer optimizer, List<NDArray> values, List<NDArray> gradients) {
    for (int i = 0; i < values.size(); i++) {
      optimizer.update("parameter" + i, values.get(i), gradients.get(i));
    }
  }

  /** Of either sign, 0.5e-2 to 1.5e-2 large. */
  private static NDArray signed(NDManager manager, long size) {
    try (NDArray magnitudes = manager.randomUniform(0.5e-2f, 1.5e-2f, new Shape(size));
        NDArray signs = manager.randomUniform(-1, 1, new Shape(size)).sign()) {
      return magnitudes.mul(signs);
    }
  }
}
