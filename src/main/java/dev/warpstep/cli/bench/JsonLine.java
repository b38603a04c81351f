package dev.warpstep.cli.bench;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One result, as one line of JSON on standard output. All programs here, the peers' too, print
 * results in this form; {@code Report} of the benchmarks says what the fields mean.
 */
public final class JsonLine {
  private final Map<String, String> fields = new LinkedHashMap<>();

  /**
   * A line of a kind: {@code machine}, {@code bandwidth}, {@code step}, {@code pair} or {@code
   * jmh}.
   */
  public static JsonLine of(String what) {
    return new JsonLine().put("what", what);
  }

  /** Adds a text. */
  public JsonLine put(String key, String text) {
    StringBuilder escaped = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ') {
        escaped.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
      } else {
        escaped.append(c == '"' || c == '\\' ? "\\" : "").append(c);
      }
    }
    fields.put(key, escaped.append('"').toString());
    return this;
  }

  /** Adds a whole number. */
  public JsonLine put(String key, long number) {
    fields.put(key, Long.toString(number));
    return this;
  }

  /**
   * Adds a number with six significant digits; JSON has none that is not finite, nor has the line.
   */
  public JsonLine put(String key, double number) {
    if (!Double.isFinite(number)) {
      return this;
    }
    fields.put(key, String.format(Locale.ROOT, "%.6g", number));
    return this;
  }

  /** Prints the line. */
  public void print() {
    System.out.println(this);
  }

  @Override
  public String toString() {
    return fields.entrySet().stream()
        .map(field -> "\"%s\": %s".formatted(field.getKey(), field.getValue()))
        .collect(Collectors.joining(", ", "{", "}"));
  }
}
