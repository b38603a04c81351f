package dev.warpstep.cli;

import dev.warpstep.Device;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** What a command prints about its comparisons. */
final class Report {
  private static final double NANOS_PER_MICROSECOND = 1e3;

  /** A further column of the table, a share, shown in percent. */
  record Share(String name, ToDoubleFunction<Outcome> of) {}

  private final List<Comparison> comparisons;
  private final List<Share> shares;

  Report(List<Comparison> comparisons, List<Share> shares) {
    this.comparisons = comparisons;
    this.shares = shares;
  }

  /** Prints the table and what it needs to be read. */
  void print(PrintWriter out, Device device, int unfusedThreads) {
    List<String> header = new ArrayList<>(List.of("optimizer"));
    shares.forEach(share -> header.add(share.name()));
    header.addAll(
        List.of("loss fused", "loss unfused", "step fused", "step unfused", "unfused/fused"));
    Table table = new Table(header);
    comparisons.forEach(comparison -> table.add(row(comparison)));
    table.print(out);
    out.println();
    out.println("loss: mean over the training samples after the last step");
    out.println("step: median time of one optimizer step in microseconds");
    out.println("fused: Warpstep on " + device.description());
    if (!Placement.isInPlace(device)) {
      out.println(
          "       timed from the call until the device is done; gradients are copied there before,"
              + " values back after, neither is timed");
    }
    out.println(
        "unfused: one pass per operation in Java on the CPU, %d thread%s"
            .formatted(unfusedThreads, unfusedThreads == 1 ? "" : "s"));
    out.println();
  }

  private List<String> row(Comparison comparison) {
    Outcome fused = comparison.fused();
    Outcome unfused = comparison.unfused();
    List<String> row = new ArrayList<>(List.of(comparison.name()));
    shares.forEach(share -> row.add(format("%.1f %%", 100 * share.of().applyAsDouble(fused))));
    row.add(format("%.6f", fused.finalLoss()));
    row.add(format("%.6f", unfused.finalLoss()));
    row.add(format("%.1f", fused.stepNanos() / NANOS_PER_MICROSECOND));
    row.add(format("%.1f", unfused.stepNanos() / NANOS_PER_MICROSECOND));
    row.add(format("%.2f", comparison.ratio()));
    return row;
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }

  /**
   * Prints whether fused and unfused ended alike.
   *
   * @return exit status, 0 or 1
   */
  int verdict(PrintWriter out, PrintWriter err) {
    List<String> different =
        comparisons.stream().filter(c -> !c.isSame()).map(Comparison::name).toList();
    if (different.isEmpty()) {
      out.println("Fused and unfused ended with the same losses and parameters, bit for bit.");
      return 0;
    }
    err.println(
        "Fused and unfused must end with the same losses and parameters, bit for bit; they did not"
            + " for "
            + String.join(", ", different));
    return 1;
  }
}
