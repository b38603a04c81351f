package dev.warpstep.cli;

import java.io.Console;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how far a command is: a bar over all its steps, or without a terminal a line per optimizer.
 */
final class Progress implements AutoCloseable {
  /** The bar cannot ask the terminal without loading native code of its own. */
  private static final int COLUMNS = 100;

  private final PrintWriter log;
  private final Optional<ProgressBar> bar;

  /** One optimizer. */
  final class Run {
    private final String name;
    private int steps;

    private Run(String name) {
      this.name = name;
    }

    void step(double loss) {
      steps++;
      bar.ifPresent(
          shown ->
              shown
                  .step()
                  .setExtraMessage(String.format(Locale.ROOT, "%s, loss %.3f", name, loss)));
    }

    void end(double finalLoss) {
      end(", fused and unfused", finalLoss);
    }

    void endFused(double finalLoss) {
      end("", finalLoss);
    }

    private void end(String how, double finalLoss) {
      if (bar.isEmpty()) {
        log.printf(Locale.ROOT, "%s: %d steps%s, final loss %.6f%n", name, steps, how, finalLoss);
        log.flush();
      }
    }

    /** The whole of it is done, in what counts as one step. */
    void end() {
      bar.ifPresent(shown -> shown.step().setExtraMessage(name));
      if (bar.isEmpty()) {
        log.println(name + ": done");
        log.flush();
      }
    }
  }

  private Progress(PrintWriter log, Optional<ProgressBar> bar) {
    this.log = log;
    this.bar = bar;
  }

  /**
   * A bar if the program runs in a terminal, else lines.
   *
   * @param steps of all optimizers together
   */
  static Progress start(String command, PrintWriter log, long steps) {
    boolean terminal =
        Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
    return terminal ? bar(command, log, steps, System.err) : lines(log);
  }

  static Progress lines(PrintWriter log) {
    return new Progress(log, Optional.empty());
  }

  static Progress bar(String command, PrintWriter log, long steps, PrintStream terminal) {
    return new Progress(
        log,
        Optional.of(
            new ProgressBarBuilder()
                .setTaskName(command)
                .setInitialMax(steps)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(100)
                .setConsumer(new ConsoleProgressBarConsumer(terminal, COLUMNS))
                .build()));
  }

  Run begin(String name) {
    return new Run(name);
  }

  @Override
  public void close() {
    bar.ifPresent(ProgressBar::close);
  }
}
