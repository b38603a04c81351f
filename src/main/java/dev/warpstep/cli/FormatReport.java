package dev.warpstep.cli;

import dev.warpstep.Device;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a command prints about weights that were trained in several formats. */
final class FormatReport {
  private static final double NANOS_PER_MICROSECOND = 1e3;

  /** A training. */
  record Row(String recipe, WeightFormat format, Outcome outcome) {}

  private final List<Row> rows;
  private final List<Report.Share> shares;

  FormatReport(List<Row> rows, List<Report.Share> shares) {
    this.rows = rows;
    this.shares = shares;
  }

  /** Prints the table and what it needs to be read. */
  void print(PrintWriter out, Device device) {
    List<String> header = new ArrayList<>(List.of("optimizer, weights"));
    shares.forEach(share -> header.add(share.name()));
    header.addAll(List.of("loss", "step"));
    Table table = new Table(header);
    rows.forEach(row -> table.add(cells(row)));
    table.print(out);
    out.println();
    out.println("weights: with their gradients rounded to the type; forward and backward in fp32");
    out.println("         master, remainder: steps update fp32 weights, state is fp32");
    out.println("         all others: state is of the type of the weights");
    out.println("loss: mean over the training samples after the last step");
    out.println(
        "step: median time of one optimizer step in microseconds, on " + device.description());
    out.println();
  }

  private List<String> cells(Row row) {
    Outcome outcome = row.outcome();
    List<String> cells = new ArrayList<>(List.of(row.recipe() + ", " + row.format()));
    shares.forEach(share -> cells.add(format("%.1f %%", 100 * share.of().applyAsDouble(outcome))));
    cells.add(format("%.6f", outcome.finalLoss()));
    cells.add(format("%.1f", outcome.stepNanos() / NANOS_PER_MICROSECOND));
    return cells;
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
