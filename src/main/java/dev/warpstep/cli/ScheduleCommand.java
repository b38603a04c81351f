package dev.warpstep.cli;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Draws a learning rate schedule. */
@Command(
    name = "schedule",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = {
      "Draws a learning rate schedule, and prints some of its values.",
      "",
      "Several schedules are one, too: 'A @ 5 B' is A, and from epoch 5 on B; 'A * B' is both at"
          + " once. Each may have its settings behind it, as NAME:KEY=VALUE:KEY=VALUE.",
      "",
      "  schedule 'linear:start_factor=0.01 @5 cosine_annealing:t_max=55'",
      "  schedule 'constant:total_iters=20 * exponential:gamma=0.9'",
      "  schedule reduce_on_plateau:patience=3:metrics=1,0.5,0.4",
      "  schedule lambda:factors=1,0.5,0.25",
      "",
      "The last of a list of metrics or factors stays.",
      "Exit status: 0, or 2 for bad arguments."
    })
final class ScheduleCommand implements Callable<Integer> {
  private static final double WARMUP_START = 0.01;
  private static final int ROWS = 10;
  private static final int POINTS = 10_000;

  @Spec private CommandSpec command;

  @Parameters(
      paramLabel = "SCHEDULE",
      completionCandidates = Names.class,
      description = "${COMPLETION-CANDIDATES}, or several of them.")
  private String schedule;

  @Option(
      names = "--lr",
      paramLabel = "LR",
      defaultValue = "0.1",
      description = "Of the optimizer. Default: ${DEFAULT-VALUE}.")
  private double lr;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "60",
      converter = PositiveInteger.class,
      description = "How many learning rates are drawn. Default: ${DEFAULT-VALUE}.")
  private int epochs;

  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description = "An argument of the schedule, by PyTorch's name in lower case: t_max=50.")
  private Map<String, String> settings = new LinkedHashMap<>();

  @Option(
      names = "--warmup",
      paramLabel = "N",
      converter = PositiveInteger.class,
      description = "Epochs of a linear warmup before the schedule. Default: none.")
  private int warmup;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "target/warpstep",
      description = "Where the picture goes; created if missing. Default: ${DEFAULT-VALUE}.")
  private Path output;

  /** What the help lists. */
  static final class Names implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return ScheduleKind.keys().iterator();
    }
  }

  @Override
  public Integer call() throws IOException {
    List<Double> lrs = learningRates();
    Path file = RunOptions.outputFile(output, "schedule.png", command.commandLine());
    PrintWriter out = command.commandLine().getOut();
    Table table = new Table(List.of("epoch", "lr"));
    for (int epoch = 0; epoch < epochs; epoch += Math.ceilDiv(epochs, ROWS)) {
      table.add(List.of(String.valueOf(epoch), String.valueOf(lrs.get(epoch))));
    }
    table.print(out);
    LossPicture picture = new LossPicture("%s, lr %s".formatted(schedule, lr), "learning rate");
    picture.add(schedule, lrs, POINTS);
    picture.write(file);
    out.println();
    out.println("Picture: " + file);
    return 0;
  }

  private List<Double> learningRates() {
    try (Device device = Device.cpu(1);
        Optimizer sgd = optimizer(device)) {
      ScheduleExpression.Drawn drawn =
          new ScheduleExpression(schedule, settings).make(sgd, WARMUP_START, warmup);
      List<Double> lrs = new ArrayList<>(drawn.schedule().getLastLr());
      while (lrs.size() < epochs) {
        drawn.step();
        lrs.addAll(drawn.schedule().getLastLr());
      }
      return lrs;
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new ParameterException(command.commandLine(), e.getMessage(), e);
    }
  }

  private Optimizer optimizer(Device device) {
    try {
      Parameter parameter = Parameter.of("p", new float[1]);
      return SGD.builder().lr(lr).momentum(0.9).build(device, List.of(parameter));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), "--lr: " + e.getMessage(), e);
    }
  }
}
