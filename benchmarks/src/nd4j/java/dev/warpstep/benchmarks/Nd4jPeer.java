package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.Rule;
import dev.warpstep.cli.bench.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.GradientUpdater;
import org.nd4j.linalg.learning.config.Adam;
import org.nd4j.linalg.learning.config.IUpdater;
import org.nd4j.linalg.learning.config.Nesterovs;
import org.nd4j.linalg.learning.config.RmsProp;

/**
 * ND4J's updaters as Deeplearning4j calls them, tensor by tensor: {@code applyUpdater} turns a
 * gradient into an update in place, which is then subtracted. Gradients are therefore filled anew
 * before each step, untimed. Its SGD with momentum is Nesterov's.
 */
public final class Nd4jPeer {
  private static final Map<String, String> DEFAULTS =
      Map.of("rule", "adam", "model", "mlp_100k,resnet50,gpt2_124m", "samples", "11");

  private static final double LR = 1e-3;

  private Nd4jPeer() {}

  /** Prints a line for every combination of the options. */
  public static void main(String[] args) {
    Options options = Options.parse(DEFAULTS, args);
    PeerRun run =
        new PeerRun(
            "nd4j", "1.0.0-M2.1", "applyUpdater", Peers.threads(), options.number("samples"));
    for (Rule rule : options.constants("rule", Rule.class)) {
      for (Model model : options.constants("model", Model.class)) {
        measure(run, rule, model);
      }
    }
  }

  private static void measure(PeerRun run, Rule rule, Model model) {
    List<INDArray> values = new ArrayList<>();
    List<INDArray> gradients = new ArrayList<>();
    List<INDArray> sources = new ArrayList<>();
    List<GradientUpdater<?>> updaters = new ArrayList<>();
    IUpdater config = config(rule);
    for (long size : model.shape().sizes()) {
      float[] tile = Values.repeated(Values.tile(), Math.toIntExact(size));
      values.add(Nd4j.createFromArray(tile).reshape(1, size));
      sources.add(Nd4j.createFromArray(tile).reshape(1, size));
      gradients.add(sources.getLast().dup());
      INDArray state = Nd4j.zeros(1, config.stateSize(size));
      updaters.add(config.instantiate(state, true));
    }
    int[] iteration = new int[1];
    run.measure(
        rule,
        model,
        () -> {
          for (int i = 0; i < values.size(); i++) {
            updaters.get(i).applyUpdater(gradients.get(i), iteration[0], 0);
            values.get(i).subi(gradients.get(i));
          }
          iteration[0]++;
        },
        () -> {
          for (int i = 0; i < sources.size(); i++) {
            sources.get(i).muli(-1);
            gradients.get(i).assign(sources.get(i));
          }
        },
        1);
  }

  private static IUpdater config(Rule rule) {
    return switch (rule) {
      case ADAM -> new Adam(LR);
      case RMSPROP -> new RmsProp(LR, 0.99, 1e-8);
      case SGD_MOMENTUM -> new Nesterovs(LR, 0.9);
    };
  }
}
