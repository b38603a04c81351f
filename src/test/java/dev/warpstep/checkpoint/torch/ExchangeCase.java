package dev.warpstep.checkpoint.torch;

import dev.warpstep.Adam;
import dev.warpstep.AdamW;
import dev.warpstep.DType;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One row of what is exchanged with PyTorch: a rule with settings, and a type of parameters.
 *
 * @param optimizer PyTorch's class
 * @param settings all others are defaults
 */
record ExchangeCase(String optimizer, DType dtype, Map<HyperParameter, Double> settings) {
  /** Strong enough, one row for each setting, that a wrong setting or state shows in 16 bits. */
  private static final List<String> ROWS =
      List.of(
          "SGD lr=0.1",
          "SGD lr=0.1 weight_decay=0.2 maximize=1",
          "SGD lr=0.01 momentum=0.9",
          "SGD lr=0.01 momentum=0.9 dampening=0.3 weight_decay=0.2",
          "SGD lr=0.01 momentum=0.9 nesterov=1",
          "RMSprop lr=0.01",
          "RMSprop lr=0.01 eps=0.01 momentum=0.9 weight_decay=0.01",
          "RMSprop lr=0.01 centered=1 alpha=0.9",
          "RMSprop lr=0.001 centered=1 momentum=0.5 maximize=1",
          "Adam lr=0.001",
          "Adam lr=0.01 beta1=0.8 beta2=0.95 eps=0.01 weight_decay=0.1",
          "Adam lr=0.001 amsgrad=1 maximize=1",
          "AdamW lr=0.001",
          "AdamW lr=0.1 beta1=0.9 beta2=0.8 weight_decay=0.5 amsgrad=1");

  static List<ExchangeCase> all() {
    List<ExchangeCase> all = new ArrayList<>();
    for (DType dtype : DType.values()) {
      ROWS.forEach(row -> all.add(parse(dtype, List.of(row.split(" ", -1)))));
    }
    return all;
  }

  private static ExchangeCase parse(DType dtype, List<String> words) {
    Map<HyperParameter, Double> settings = new EnumMap<>(HyperParameter.class);
    for (String word : words.subList(1, words.size())) {
      int equals = word.indexOf('=');
      settings.put(
          HyperParameter.valueOf(word.substring(0, equals).toUpperCase(Locale.ROOT)),
          Double.parseDouble(word.substring(equals + 1)));
    }
    return new ExchangeCase(words.getFirst(), dtype, settings);
  }

  Optimizer.Builder<?, ?> builder() {
    Optimizer.Builder<?, ?> builder =
        switch (optimizer) {
          case "SGD" -> SGD.builder();
          case "RMSprop" -> RMSprop.builder();
          case "Adam" -> Adam.builder();
          case "AdamW" -> AdamW.builder();
          default -> throw new AssertionError(optimizer);
        };
    settings.forEach(builder::set);
    if (dtype.sizeBytes() == Short.BYTES) {
      builder.stateDtype(dtype); // as PyTorch's loads make it
    }
    return builder;
  }

  /** Without a blank, also a file's name. */
  String name() {
    return line("_").replace('=', '_');
  }

  /** The row for {@code exchange.py}. */
  String line() {
    return name() + " " + line(" ");
  }

  private String line(String separator) {
    return optimizer
        + separator
        + dtype
        + settings.entrySet().stream()
            .map(entry -> separator + entry.getKey().key() + "=" + entry.getValue())
            .collect(Collectors.joining());
  }
}
