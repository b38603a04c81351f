package dev.warpstep.benchmarks;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What a program is to measure: arguments such as {@code rule=adam,rmsprop threads=1,2}. */
public final class Options {
  private final Map<String, String> values;

  private Options(Map<String, String> values) {
    this.values = values;
  }

  /**
   * Reads arguments.
   *
   * @param defaults every option and its default
   * @throws IllegalArgumentException if an argument is none of these
   */
  public static Options parse(Map<String, String> defaults, String... args) {
    Map<String, String> values = new HashMap<>(defaults);
    for (String arg : args) {
      String[] pair = arg.split("=", 2);
      if (pair.length != 2 || values.replace(pair[0], pair[1]) == null) {
        throw new IllegalArgumentException(
            "arguments must be <option>=<value> with options %s, one was %s"
                .formatted(
                    defaults.entrySet().stream()
                        .map(option -> option.getKey() + "=" + option.getValue())
                        .sorted()
                        .collect(Collectors.joining(" ")),
                    arg));
      }
    }
    return new Options(values);
  }

  /** The values of an option that takes several, separated by commas. */
  public <T> List<T> list(String option, Function<String, T> value) {
    return Arrays.stream(values.get(option).split(",")).map(value).toList();
  }

  /** The constants that an option names. */
  public <E extends Enum<E>> List<E> constants(String option, Class<E> type) {
    return list(option, name -> Enum.valueOf(type, name.toUpperCase(Locale.ROOT)));
  }

  /** The only value of an option. */
  public String text(String option) {
    return values.get(option);
  }

  /** The only value of an option. */
  public int number(String option) {
    return Integer.parseInt(values.get(option));
  }
}
