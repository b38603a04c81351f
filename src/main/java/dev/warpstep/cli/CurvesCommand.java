package dev.warpstep.cli;

import dev.warpstep.cli.data.Parabola;
import dev.warpstep.cli.network.Initialization;
import dev.warpstep.cli.network.Network;
import dev.warpstep.cli.network.SquaredError;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The classic comparison of optimizers on a noisy parabola. */
@Command(
    name = "curves",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = {
      "Fits y = x^2 + 0.1 noise on 1,000 points in [-1, 1] by a 1-20-1 ReLU network with SGD,"
          + " momentum 0.8, RMSprop alpha 0.9 and Adam betas (0.9, 0.99), all at lr 0.01, each with"
          + " the library and with one pass per operation; draws the losses on one picture.",
      "Exit status: 0 if both ended alike, 1 if not, 2 for bad arguments."
    })
final class CurvesCommand implements Callable<Integer> {
  private static final int POINTS = 1_000;
  private static final List<Integer> WIDTHS = List.of(1, 20, 1);
  private static final double LR = 0.01;
  private static final double LARGEST_LOSS_SHOWN = 0.2;

  private static final List<Recipe> RECIPES =
      List.of(
          Recipe.sgd(LR),
          Recipe.momentum(LR, 0.8),
          Recipe.rmsprop(LR, 0.9),
          Recipe.adam(LR, 0.9, 0.99));

  @Spec private CommandSpec command;
  @Mixin private RunOptions options;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "12",
      converter = PositiveInteger.class,
      description = "How often each point is seen. Default: ${DEFAULT-VALUE}.")
  private int epochs;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "32",
      converter = PositiveInteger.class,
      description = "Points per step. Default: ${DEFAULT-VALUE}.")
  private int batch;

  @Override
  public Integer call() throws IOException {
    Parabola points = new Parabola(POINTS, options.seed());
    int capacity = Math.min(batch, POINTS);
    Experiment experiment =
        new Experiment(
            points,
            new SquaredError(points.targets()),
            () -> new Network(WIDTHS, Initialization.UNIFORM, options.seed(), capacity),
            epochs,
            batch,
            options.seed());
    Demonstration demonstration =
        new Demonstration(
            "curves",
            String.format(
                Locale.ROOT,
                "%,d points of y = x^2 + 0.1 noise, lr %s, network %s",
                POINTS,
                LR,
                WIDTHS),
            experiment,
            RECIPES,
            List.of(),
            List.of(),
            new LossPicture("y = x² + 0.1 noise, lr 0.01", "loss of the batch")
                .range(0, LARGEST_LOSS_SHOWN),
            Integer.MAX_VALUE);
    return demonstration.run(options, command.commandLine());
  }
}
