package dev.warpstep.cli;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Arguments of a schedule by name; those that were asked for are gone.
 *
 * @param kind of the schedule, for messages
 * @param unused what nobody asked for yet
 */
record ScheduleSettings(String kind, Map<String, String> unused) {
  ScheduleSettings {
    unused = new LinkedHashMap<>(unused);
  }

  double real(String name) {
    return required(name, Double::parseDouble);
  }

  double real(String name, double otherwise) {
    return unused.containsKey(name) ? real(name) : otherwise;
  }

  long whole(String name) {
    return required(name, Long::parseLong);
  }

  long whole(String name, long otherwise) {
    return unused.containsKey(name) ? whole(name) : otherwise;
  }

  long[] allWhole(String name) {
    return required(
        name, text -> Arrays.stream(text.split(",")).mapToLong(Long::parseLong).toArray());
  }

  double[] allReal(String name) {
    return required(
        name, text -> Arrays.stream(text.split(",")).mapToDouble(Double::parseDouble).toArray());
  }

  /** Refuses what nobody asked for. */
  void checkUsed() {
    if (!unused.isEmpty()) {
      throw new IllegalArgumentException(
          "%s has no %s".formatted(kind, String.join(", ", unused.keySet())));
    }
  }

  <E extends Enum<E>> E constant(String name, E otherwise) {
    String text = unused.containsKey(name) ? unused.remove(name) : otherwise.name();
    List<E> constants = List.of(otherwise.getDeclaringClass().getEnumConstants());
    return constants.stream()
        .filter(constant -> constant.name().equalsIgnoreCase(text))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "%s must be one of %s, was %s"
                        .formatted(
                            name,
                            constants.stream()
                                .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                                .collect(Collectors.joining(", ")),
                            text)));
  }

  private <T> T required(String name, Function<String, T> parse) {
    if (!unused.containsKey(name)) {
      throw new IllegalArgumentException("%s needs %s=...".formatted(kind, name));
    }
    String text = unused.remove(name);
    try {
      return parse.apply(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("%s must be a number, was %s".formatted(name, text), e);
    }
  }
}
