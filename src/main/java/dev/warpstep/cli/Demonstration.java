package dev.warpstep.cli;

import dev.warpstep.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * An experiment and how it is shown: what a command runs once it has its data.
 *
 * @param name of the command, and of the picture's file
 * @param heading what is trained
 * @param recipes trained fused and unfused, or in each format
 * @param formats of the weights; none compares fused with unfused
 * @param shares further columns of the table
 * @param picture takes one curve for each recipe, or for each format of the last recipe
 * @param points the most points of a curve; steps in a row are shown as their mean
 */
record Demonstration(
    String name,
    String heading,
    Experiment experiment,
    List<Recipe> recipes,
    List<WeightFormat> formats,
    List<Report.Share> shares,
    LossPicture picture,
    int points) {

  /** Every loss and every time is kept. */
  private static final long MOST_STEPS = 10_000_000;

  /**
   * Trains, prints the table, draws the picture.
   *
   * @return exit status
   */
  int run(RunOptions options, CommandLine commandLine) throws IOException {
    long steps = experiment.stepCount();
    if (steps > MOST_STEPS) {
      throw new ParameterException(
          commandLine,
          "--epochs %d: must make at most %d steps, made %d"
              .formatted(experiment.epochs(), MOST_STEPS, steps));
    }
    PrintWriter out = commandLine.getOut();
    Path file = options.outputFile(name + ".png");
    try (Device device = options.openDevice()) {
      out.printf(
          Locale.ROOT, "%s, %,d parameters%n", heading, experiment.network().get().elementCount());
      out.printf(
          "%d epochs of %d steps, batch %d, seed %d%n",
          experiment.epochs(), steps / experiment.epochs(), experiment.batch(), experiment.seed());
      out.flush();
      return formats.isEmpty()
          ? compare(options, commandLine, device, file)
          : trainInEachFormat(commandLine, device, file);
    }
  }

  private int compare(RunOptions options, CommandLine commandLine, Device device, Path file)
      throws IOException {
    PrintWriter out = commandLine.getOut();
    long steps = recipes.size() * experiment.stepCount();
    List<Comparison> comparisons;
    try (Progress progress = Progress.start(name, commandLine.getErr(), steps)) {
      comparisons = experiment.compare(recipes, device, options.unfusedThreads(), progress);
    }
    out.println();
    Report report = new Report(comparisons, shares);
    report.print(out, device, options.unfusedThreads());
    comparisons.forEach(c -> picture.add(c.name(), c.fused().losses(), points));
    picture.write(file);
    out.println("Picture: " + file);
    return report.verdict(out, commandLine.getErr());
  }

  private int trainInEachFormat(CommandLine commandLine, Device device, Path file)
      throws IOException {
    PrintWriter out = commandLine.getOut();
    long steps = (long) recipes.size() * formats.size() * experiment.stepCount();
    List<FormatReport.Row> rows = new ArrayList<>();
    try (Progress progress = Progress.start(name, commandLine.getErr(), steps)) {
      for (Recipe recipe : recipes) {
        for (WeightFormat format : formats) {
          Progress.Run run = progress.begin(recipe.name() + ", " + format);
          Outcome outcome = experiment.train(recipe, format, device, run);
          rows.add(new FormatReport.Row(recipe.name(), format, outcome));
        }
      }
    }
    out.println();
    new FormatReport(rows, shares).print(out, device);
    rows.stream()
        .skip((long) (recipes.size() - 1) * formats.size())
        .forEach(
            row -> picture.add(row.recipe() + ", " + row.format(), row.outcome().losses(), points));
    picture.write(file);
    out.println("Picture: " + file);
    return 0;
  }
}
