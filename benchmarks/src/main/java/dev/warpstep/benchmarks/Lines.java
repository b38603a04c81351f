package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Samples;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Results, one map of fields each.
 *
 * @param rows in the order in which they were measured
 */
record Lines(List<Map<String, Object>> rows) {
  /** Those of a kind. */
  Lines of(String what) {
    return where("what", what);
  }

  Lines where(String key, String value) {
    return new Lines(rows.stream().filter(row -> text(row, key).equals(value)).toList());
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  /** Rows that agree in fields, in order of the first of each. */
  Map<List<String>, Lines> by(String... keys) {
    Map<List<String>, List<Map<String, Object>>> groups = new LinkedHashMap<>();
    for (Map<String, Object> row : rows) {
      List<String> values = Stream.of(keys).map(key -> text(row, key)).toList();
      groups.computeIfAbsent(values, first -> new ArrayList<>()).add(row);
    }
    Map<List<String>, Lines> lines = new LinkedHashMap<>();
    groups.forEach((values, of) -> lines.put(values, new Lines(of)));
    return lines;
  }

  /** A field, or an empty text. */
  static String text(Map<String, Object> row, String key) {
    return String.valueOf(row.getOrDefault(key, ""));
  }

  /** A field of the first row. */
  String text(String key) {
    return text(rows.getFirst(), key);
  }

  boolean has(String key) {
    return rows.getFirst().containsKey(key);
  }

  double[] numbers(String key) {
    return rows.stream().mapToDouble(row -> ((Number) row.get(key)).doubleValue()).toArray();
  }

  double median(String key) {
    return new Samples(numbers(key)).median();
  }

  double max(String key) {
    return new Samples(numbers(key)).quantile(1);
  }

  /** Bytes that a step moves, from a line about steps. */
  double bytes() {
    return median("bytes_per_parameter") * median("parameters");
  }

  /** GB/s of a step. */
  double gigabytesPerSecond() {
    return bytes() / (median("ms") * 1e6);
  }
}
