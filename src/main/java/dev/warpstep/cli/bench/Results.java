package dev.warpstep.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * All that a run measured.
 *
 * @param bandwidth of the memory, in the same run
 * @param rows by model, then rule; all have the same ways
 */
public record Results(Place place, Bandwidth bandwidth, List<Row> rows) {
  /** Below this a step's arrays are in the processor's cache, and memory is no ceiling. */
  private static final long MEMORY_BYTES = 64L << 20;

  /** Whether a row's arrays come from memory, so that shares of its bandwidth mean something. */
  boolean isFromMemory(Row row) {
    return place.threads() == 0
        || row.model().parameterCount() * Precision.FP32.bytesPerParameter(row.rule())
            > MEMORY_BYTES;
  }

  /** Titles of the columns of the table. */
  public List<String> header() {
    List<String> header = new ArrayList<>(List.of("model", "rule", "fused"));
    for (String way : ways()) {
      header.add(way);
      header.add(way.equals("unfused") ? "unfused/fused" : way + "/fused");
    }
    header.addAll(List.of("GB/s", "of copy", "of stream"));
    return header;
  }

  /** The table. */
  public List<List<String>> cells() {
    return rows.stream().map(this::cells).toList();
  }

  private List<String> cells(Row row) {
    List<String> cells =
        new ArrayList<>(List.of(row.model().key(), row.rule().title(), time(row.fused().median())));
    for (String way : ways()) {
      cells.add(time(row.unfused().get(way).median()));
      cells.add(format("%.2f", row.ratios().get(way).median()));
    }
    cells.add(format("%.1f", row.gigabytesPerSecond()));
    boolean fromMemory = isFromMemory(row);
    cells.add(fromMemory ? percent(row.gigabytesPerSecond() / bandwidth.copy()) : "cache");
    cells.add(fromMemory ? percent(row.gigabytesPerSecond() / bandwidth.stream()) : "cache");
    return cells;
  }

  /** The unfused ways. */
  public List<String> ways() {
    return rows.stream().findFirst().map(row -> List.copyOf(row.unfused().keySet())).orElseThrow();
  }

  /** What the table needs to be read. */
  public List<String> explanation() {
    Stream<String> ways =
        place.threads() > 0
            ? Stream.of(
                "elementary: one arithmetic operation a pass in Java, %s"
                    .formatted(threads(place.threads())),
                "unfused: the same, but a pass multiplies and adds where PyTorch's functions do")
            : Stream.of(
                "per tensor: a kernel launched through JCuda for each operation and tensor",
                "cublas: the same, but with scal and axpy of cuBLAS, if libcublas.so.12 is there",
                "foreach: a kernel launched through JCuda for each operation, for all tensors");
    return Stream.of(
            Stream.of("fused: Warpstep, median time of a step; the ratios are medians as well"),
            ways,
            Stream.of(
                "GB/s: bytes that a fused step must move, "
                    + Stream.of(Rule.values())
                        .map(rule -> rule.title() + " " + Precision.FP32.bytesPerParameter(rule))
                        .reduce((a, b) -> a + ", " + b)
                        .orElseThrow()
                    + " per parameter",
                format("copy: %.1f GB/s, read and written bytes together", bandwidth.copy()),
                format(
                    "stream: %.1f GB/s, four arrays read and three written without arithmetic",
                    bandwidth.stream())))
        .flatMap(lines -> lines)
        .toList();
  }

  /** Everything as lines of JSON. */
  public List<String> lines(JsonLine machine) {
    List<String> lines = new ArrayList<>(List.of(machine.toString()));
    lines.add(ceiling("copy", bandwidth.copy()).toString());
    lines.add(ceiling("stream", bandwidth.stream()).toString());
    for (Row row : rows) {
      lines.add(step(row, "warpstep", "fused", row.fused()).toString());
      for (Map.Entry<String, Samples> way : row.unfused().entrySet()) {
        lines.add(step(row, "unfused", way.getKey(), way.getValue()).toString());
        Samples ratio = row.ratios().get(way.getKey());
        lines.add(
            identified(JsonLine.of("pair").put("figure", "speedup_over_unfused"), row)
                .put("way", way.getKey())
                .put("ratio", ratio.median())
                .put("ratio_p25", ratio.quantile(0.25))
                .put("ratio_p75", ratio.quantile(0.75))
                .put("pairs", ratio.count())
                .toString());
      }
    }
    return lines;
  }

  private JsonLine ceiling(String name, double gigabytesPerSecond) {
    return JsonLine.of("bandwidth")
        .put("name", name)
        .put("device", place.name())
        .put("threads", place.threads())
        .put("gigabytes_per_second", gigabytesPerSecond);
  }

  private JsonLine step(Row row, String library, String way, Samples millis) {
    return identified(
            JsonLine.of("step").put("library", library).put("version", "").put("way", way), row)
        .put("ms", millis.median())
        .put("ms_p25", millis.quantile(0.25))
        .put("ms_p75", millis.quantile(0.75))
        .put("samples", millis.count())
        .put("steps_per_sample", row.stepsPerSample())
        .put("parameters", row.model().parameterCount())
        .put("bytes_per_parameter", Precision.FP32.bytesPerParameter(row.rule()));
  }

  private JsonLine identified(JsonLine line, Row row) {
    return line.put("rule", row.rule().key())
        .put("model", row.model().key())
        .put("dtype", Precision.FP32.key())
        .put("device", place.name())
        .put("rows", "normal")
        .put("threads", place.threads());
  }

  private static String threads(int count) {
    return count == 1 ? "1 thread" : count + " threads";
  }

  static String time(double millis) {
    return millis < 1 ? format("%.1f us", millis * 1e3) : format("%.2f ms", millis);
  }

  static String percent(double share) {
    return format("%.0f %%", 100 * share);
  }

  static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }
}
