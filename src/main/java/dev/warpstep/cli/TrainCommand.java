package dev.warpstep.cli;

import dev.warpstep.cli.data.DataException;
import dev.warpstep.cli.data.FashionMnist;
import dev.warpstep.cli.data.ImageSet;
import dev.warpstep.cli.network.CrossEntropy;
import dev.warpstep.cli.network.Initialization;
import dev.warpstep.cli.network.Network;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Trains a small network on Fashion-MNIST with four optimizers, fused and unfused. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = {
      "Trains a network on images of clothing with SGD, momentum, RMSprop and Adam, each with the"
          + " library and with one pass per operation; prints losses, accuracies and times of a"
          + " step, and draws the losses.",
      "Exit status: 0 if both ended alike, 1 if not, 2 for bad arguments or data."
    })
final class TrainCommand implements Callable<Integer> {
  private static final List<Integer> HIDDEN_WIDTHS = List.of(128, 64);

  private static final List<Recipe> RECIPES =
      List.of(
          Recipe.sgd(0.05),
          Recipe.momentum(0.01, 0.9),
          Recipe.rmsprop(0.0005, 0.99),
          Recipe.adam(0.001, 0.9, 0.999));

  /** Points of a curve: more are noise of single batches. */
  private static final int CURVE_POINTS = 50;

  private static final double LARGEST_LOSS_SHOWN = 1.5;

  @Spec private CommandSpec command;
  @Mixin private RunOptions options;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      defaultValue = "${sys:warpstep.data:-data/fashion-mnist}", // a bundle says where
      description =
          "Directory with the four files of Fashion-MNIST, plain or gzipped. Default:"
              + " ${DEFAULT-VALUE}, a subset.")
  private Path data;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "10",
      converter = PositiveInteger.class,
      description = "How often each image is seen. Default: ${DEFAULT-VALUE}.")
  private int epochs;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "50",
      converter = PositiveInteger.class,
      description =
          "Images per step; a last step with few images spoils the comparison of losses. Default:"
              + " ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      split = ",",
      converter = WeightFormat.Converter.class,
      description =
          "Trains with the library only, with weights and gradients in each of these: fp32, bf16,"
              + " bf16-stochastic, bf16-master, bf16-remainder, fp16, fp16-stochastic,"
              + " fp16-master. Losses are not scaled.")
  private List<WeightFormat> formats = List.of();

  @Override
  public Integer call() throws IOException {
    FashionMnist images = read();
    ImageSet training = images.training();
    ImageSet test = images.test();
    List<Integer> widths =
        Stream.of(List.of(training.width()), HIDDEN_WIDTHS, List.of(ImageSet.CLASSES))
            .flatMap(List::stream)
            .toList();
    int capacity = Math.min(batch, training.count());
    Experiment experiment =
        new Experiment(
            training,
            new CrossEntropy(training.labels()),
            () -> new Network(widths, Initialization.HE_NORMAL, options.seed(), capacity),
            epochs,
            batch,
            options.seed());
    Report.Share accuracy =
        new Report.Share(
            "test accuracy", outcome -> test.accuracy(outcome.network().classify(test)));
    Demonstration demonstration =
        new Demonstration(
            "train",
            String.format(
                Locale.ROOT,
                "%,d training and %,d test images, network %s",
                training.count(),
                test.count(),
                widths),
            experiment,
            RECIPES,
            formats.stream().distinct().toList(),
            List.of(accuracy),
            new LossPicture("Fashion-MNIST", "training loss").range(0, LARGEST_LOSS_SHOWN),
            CURVE_POINTS);
    return demonstration.run(options, command.commandLine());
  }

  private FashionMnist read() {
    try {
      return FashionMnist.read(data);
    } catch (DataException e) {
      throw new ParameterException(
          command.commandLine(), "--data %s: %s".formatted(data, e.getMessage()), e);
    }
  }
}
