package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Samples;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Results as tables in Markdown. */
final class ReportTables {
  private static final Map<String, String> FIGURES =
      Map.of(
          "share_of_probe",
          "Bandwidth of the step / bandwidth of the probe (1 is the memory's limit)",
          "speedup_over_unfused",
          "Time of one pass per operation / time of the fused step",
          "slowdown_by_rows",
          "Time with these rows / time with normal rows (1 is no difference)");

  /** What a benchmark measured; all other fields say what it was measured with. */
  private static final Set<String> JMH_RESULTS =
      Set.of(
          "what",
          "benchmark",
          "us",
          "us_error",
          "ns",
          "ns_error",
          "bytes_per_op",
          "megabytes",
          "gigabytesPerSecond",
          "shareOfCopy",
          "shareOfStream",
          "deviceMicroseconds");

  private final Lines lines;
  private final StringBuilder out;

  ReportTables(Lines lines, StringBuilder out) {
    this.lines = lines;
    this.out = out;
  }

  void machine() {
    Lines machine = lines.of("machine");
    if (machine.isEmpty()) {
      return;
    }
    Set<String> keys = new LinkedHashSet<>();
    machine.rows().forEach(row -> keys.addAll(row.keySet()));
    keys.remove("what");
    for (String key : keys) {
      List<String> values =
          machine.rows().stream()
              .map(row -> Lines.text(row, key))
              .filter(text -> !text.isEmpty())
              .distinct()
              .toList();
      List<String> shown =
          values.size() < 3 ? values : List.of(values.getFirst(), "…", values.getLast());
      String mark = key.equals("command") ? "`" : "";
      out.append("- %s: %s\n".formatted(key, mark + String.join(", ", shown) + mark));
    }
    out.append('\n');
  }

  void bandwidth() {
    Lines bandwidth = lines.of("bandwidth");
    if (!bandwidth.isEmpty()) {
      List<List<String>> rows = new ArrayList<>();
      bandwidth
          .by("name", "device", "threads")
          .forEach(
              (key, of) -> {
                List<String> row = new ArrayList<>(key);
                row.add(number("%.1f", of.median("gigabytes_per_second")));
                rows.add(row);
              });
      out.append("## Memory\n\n");
      table(List.of("what", "device", "threads", "GB/s"), rows);
    }
  }

  void pairs() {
    lines
        .of("pair")
        .by("figure")
        .forEach(
            (figure, group) -> {
              out.append("## %s\n\n".formatted(FIGURES.getOrDefault(figure.getFirst(), "Pairs")));
              List<List<String>> rows = new ArrayList<>();
              group
                  .by("rule", "model", "device", "threads", "way", "rows")
                  .forEach(
                      (key, of) -> {
                        List<String> row = new ArrayList<>(key);
                        row.add(ratios(of.numbers("ratio")));
                        row.add(
                            number("%.2f", of.median("ratio_p25"))
                                + " to "
                                + number("%.2f", of.median("ratio_p75")));
                        row.add(of.text("pairs"));
                        row.add(Integer.toString(of.rows().size()));
                        rows.add(row);
                      });
              table(
                  List.of(
                      "rule",
                      "model",
                      "device",
                      "threads",
                      "way",
                      "rows",
                      "ratio",
                      "quartiles",
                      "pairs",
                      "runs"),
                  rows);
            });
  }

  void steps() {
    lines
        .of("step")
        .by("rule", "model", "device", "threads")
        .forEach(
            (key, group) -> {
              out.append(
                  "## Steps: %s, %s (%s parameters), %s%s\n\n"
                      .formatted(
                          key.get(0),
                          key.get(1),
                          number("%,.0f", group.median("parameters")),
                          key.get(2),
                          key.get(3).equals("0") ? "" : ", " + key.get(3) + " threads"));
              Optional<Lines> ours = ours(group);
              List<List<String>> rows = new ArrayList<>();
              group
                  .by("library", "way", "dtype", "rows")
                  .forEach((kind, of) -> rows.add(step(kind, of, ours)));
              table(
                  List.of(
                      "library",
                      "way",
                      "dtype",
                      "rows",
                      "step",
                      "quartiles",
                      "MB moved",
                      "GB/s",
                      "it/ours",
                      "heap per step",
                      "runs"),
                  rows);
            });
  }

  /** The library's own step in fp32, which others are compared with. */
  static Optional<Lines> ours(Lines group) {
    return Stream.of("native", "fused", "full step")
        .map(way -> group.where("library", "warpstep").where("way", way))
        .map(of -> of.where("dtype", "fp32").where("rows", "normal"))
        .filter(of -> !of.isEmpty())
        .findFirst();
  }

  private static List<String> step(List<String> kind, Lines of, Optional<Lines> ours) {
    String against = "";
    if (ours.isPresent() && !Set.of("warpstep", "probe").contains(kind.getFirst())) {
      double[] its = of.numbers("ms");
      double[] own = ours.get().numbers("ms");
      double[] ratios = new double[Math.min(its.length, own.length)];
      for (int i = 0; i < ratios.length; i++) {
        ratios[i] = its[i] / own[i];
      }
      against = ratios(ratios);
    }
    return List.of(
        (kind.get(0) + " " + of.text("version")).strip(),
        kind.get(1),
        kind.get(2),
        kind.get(3),
        time(of.median("ms")),
        time(of.median("ms_p25")) + " to " + time(of.median("ms_p75")),
        number("%,.1f", of.bytes() / 1e6),
        number("%.1f", of.gigabytesPerSecond()),
        against,
        of.has("allocated_bytes_per_step")
            ? number("%.0f B", of.median("allocated_bytes_per_step"))
            : "",
        Integer.toString(of.rows().size()));
  }

  void jmh() {
    lines
        .of("jmh")
        .by("benchmark")
        .forEach(
            (benchmark, group) -> {
              out.append("## %s\n\n".formatted(benchmark.getFirst()));
              List<String> parameters =
                  group.rows().getFirst().keySet().stream()
                      .filter(key -> !JMH_RESULTS.contains(key))
                      .toList();
              String unit = group.has("ns") ? "ns" : "us";
              List<String> header = new ArrayList<>(parameters);
              header.addAll(
                  List.of(
                      unit.replace("us", "µs"),
                      "± 99.9 %",
                      "MB moved",
                      "GB/s",
                      "of copy",
                      "of stream",
                      "B per step"));
              List<List<String>> rows = new ArrayList<>();
              for (Map<String, Object> row : group.rows()) {
                List<String> cells = new ArrayList<>();
                parameters.forEach(key -> cells.add(Lines.text(row, key)));
                cells.add(optional(row, unit, "%,.1f"));
                cells.add(optional(row, unit + "_error", "%,.1f"));
                cells.add(optional(row, "megabytes", "%,.1f"));
                cells.add(optional(row, "gigabytesPerSecond", "%.1f"));
                cells.add(optional(row, "shareOfCopy", "%.2f"));
                cells.add(optional(row, "shareOfStream", "%.2f"));
                cells.add(optional(row, "bytes_per_op", "%.1f"));
                rows.add(cells);
              }
              table(header, rows);
            });
  }

  private static String optional(Map<String, Object> row, String key, String format) {
    return row.get(key) instanceof Number number ? number(format, number.doubleValue()) : "";
  }

  private void table(List<String> header, List<List<String>> rows) {
    row(header);
    out.append("|---".repeat(header.size())).append("|\n");
    rows.forEach(this::row);
    out.append('\n');
  }

  private void row(List<String> cells) {
    out.append(cells.stream().collect(Collectors.joining(" | ", "| ", " |\n")));
  }

  private static String ratios(double[] values) {
    Samples samples = new Samples(values);
    String median = number("%.2f", samples.median());
    return values.length == 1
        ? median
        : "%s [%s, %s]"
            .formatted(
                median, number("%.2f", samples.quantile(0)), number("%.2f", samples.quantile(1)));
  }

  private static String time(double millis) {
    return millis < 1 ? number("%.1f µs", millis * 1e3) : number("%.1f ms", millis);
  }

  private static String number(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
