package dev.warpstep.checkpoint;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A JSON object whose values must be of the kinds that they are asked for as. */
final class Fields {
  private final String entry;
  private final Map<?, ?> values;

  private Fields(String entry, Map<?, ?> values) {
    this.entry = entry;
    this.values = values;
  }

  /**
   * Of a text.
   *
   * @param entry that it is the value of, for messages
   */
  static Fields of(String entry, String json, Allowance allowance) throws IOException {
    return new Fields(entry, Json.object(entry, json, allowance));
  }

  List<String> names() {
    return values.keySet().stream().map(String.class::cast).toList();
  }

  /** It has these and no others. */
  void expect(String... names) throws HeaderException {
    if (!values.keySet().equals(Set.of(names))) {
      throw new HeaderException(
          entry, "must have %s, had %s".formatted(List.of(names), values.keySet()));
    }
  }

  String text(String name) throws HeaderException {
    return cast(String.class, name, values.get(name));
  }

  long integer(String name) throws HeaderException {
    return cast(Long.class, name, values.get(name));
  }

  long count(String name) throws HeaderException {
    return count(entry, integer(name));
  }

  double number(String name) throws HeaderException {
    return number(name, values.get(name));
  }

  List<Double> numbers(String name) throws HeaderException {
    List<Double> numbers = new ArrayList<>();
    for (Object value : cast(List.class, name, values.get(name))) {
      numbers.add(number(name, value));
    }
    return numbers;
  }

  Fields object(String name) throws HeaderException {
    return new Fields(entry, cast(Map.class, name, values.get(name)));
  }

  List<Fields> objects(String name) throws HeaderException {
    List<Fields> objects = new ArrayList<>();
    for (Object value : cast(List.class, name, values.get(name))) {
      objects.add(new Fields(entry, cast(Map.class, name, value)));
    }
    return objects;
  }

  /** JSON has no infinities and no NaN: they are texts. */
  private double number(String name, Object value) throws HeaderException {
    if (value instanceof String text) {
      return switch (text) {
        case "Infinity" -> Double.POSITIVE_INFINITY;
        case "-Infinity" -> Double.NEGATIVE_INFINITY;
        case "NaN" -> Double.NaN;
        default -> throw wrong(name, value);
      };
    }
    return cast(Number.class, name, value).doubleValue();
  }

  private <T> T cast(Class<T> type, String name, Object value) throws HeaderException {
    if (!type.isInstance(value)) {
      throw wrong(name, value);
    }
    return type.cast(value);
  }

  /** Of what the fields say together. */
  HeaderException refusal(RuntimeException cause) {
    return new HeaderException(entry, cause.getMessage());
  }

  private HeaderException wrong(String name, Object value) {
    return new HeaderException(entry, "has a wrong %s, %s".formatted(name, value));
  }

  /** A text that must be an integer, as {@link Long#toString} writes it. */
  static long integer(String entry, String text) throws HeaderException {
    try {
      long integer = Long.parseLong(text);
      if (Long.toString(integer).equals(text)) {
        return integer;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new HeaderException(entry, "must be an integer of 64 bits, was '%s'".formatted(text));
  }

  /** A text that must be a number of steps. */
  static long count(String entry, String text) throws HeaderException {
    return count(entry, integer(entry, text));
  }

  private static long count(String entry, long count) throws HeaderException {
    try {
      return Counts.check("steps", count);
    } catch (IllegalArgumentException e) {
      throw new HeaderException(entry, e.getMessage());
    }
  }
}
