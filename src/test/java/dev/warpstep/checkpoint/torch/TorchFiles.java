package dev.warpstep.checkpoint.torch;

import dev.warpstep.DType;
import dev.warpstep.HyperParameter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Files that PyTorch wrote, and what is in them, as {@code src/test/golden/generate_torch_files.py}
 * says.
 */
final class TorchFiles {
  /** A state array. */
  record Tensor(DType dtype, List<Long> shape, List<Double> values) {}

  /** A file. */
  static final class Expected {
    final String name;
    final TorchOptimizer optimizer;
    final List<String> key;
    final List<Map<HyperParameter, Double>> groups = new ArrayList<>();
    final List<List<String>> names = new ArrayList<>();
    final List<OptionalDouble> initialLrs = new ArrayList<>();
    final List<String> dropped = new ArrayList<>();
    final Map<String, Long> steps = new LinkedHashMap<>();
    final Map<String, Map<String, Tensor>> tensors = new LinkedHashMap<>();

    Expected(String name, TorchOptimizer optimizer, List<String> key) {
      this.name = name;
      this.optimizer = optimizer;
      this.key = key;
    }

    Path path() {
      return folder().resolve(name + ".pt");
    }

    /** A reader that is told what such a file does not say. */
    TorchReader reader() {
      return reader(path());
    }

    /** The same of a copy of the file. */
    TorchReader reader(Path copy) {
      TorchReader reader = TorchReader.of(copy).key(key.toArray(String[]::new)).names(names);
      return name.startsWith("old_adam") ? reader.optimizer(optimizer) : reader;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static final List<Expected> ALL = parse();

  private TorchFiles() {}

  static List<Expected> all() {
    return ALL;
  }

  static Expected named(String name) {
    return ALL.stream().filter(file -> file.name.equals(name)).findFirst().orElseThrow();
  }

  static Path folder() {
    try {
      return Path.of(Objects.requireNonNull(TorchFiles.class.getResource("expected.txt")).toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static List<Expected> parse() {
    List<Expected> files = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(folder().resolve("expected.txt"))) {
        List<String> words = Arrays.asList(line.split(" ", -1));
        List<String> rest = words.subList(Math.min(2, words.size()), words.size());
        Expected file = files.isEmpty() ? null : files.getLast();
        switch (words.getFirst()) {
          case "file" ->
              files.add(
                  new Expected(
                      words.get(1),
                      TorchOptimizer.valueOf(words.get(2)),
                      words.subList(3, words.size())));
          case "group" -> {
            file.groups.add(settings(rest));
            file.initialLrs.add(OptionalDouble.empty());
          }
          case "names" -> file.names.add(List.of(words.get(2).split(",", -1)));
          case "initial_lr" ->
              file.initialLrs.set(
                  file.initialLrs.size() - 1, OptionalDouble.of(Double.parseDouble(words.get(2))));
          case "dropped" -> {
            for (String key : words.get(2).split(",", -1)) {
              file.dropped.add(words.get(1) + " " + key);
            }
          }
          case "step" -> file.steps.put(words.get(1), Long.parseLong(words.get(2)));
          case "tensor" ->
              file.tensors
                  .computeIfAbsent(words.get(1), name -> new LinkedHashMap<>())
                  .put(words.get(2), tensor(words));
          case "end" -> {}
          default -> throw new AssertionError(line);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.copyOf(files);
  }

  private static Map<HyperParameter, Double> settings(List<String> words) {
    Map<HyperParameter, Double> settings = new EnumMap<>(HyperParameter.class);
    for (String word : words) {
      String[] parts = word.split("=", 2);
      settings.put(
          HyperParameter.valueOf(parts[0].toUpperCase(Locale.ROOT)), Double.parseDouble(parts[1]));
    }
    return settings;
  }

  private static Tensor tensor(List<String> words) {
    List<Long> shape =
        words.get(4).equals("-")
            ? List.of()
            : Arrays.stream(words.get(4).split("x", -1)).map(Long::valueOf).toList();
    return new Tensor(
        DType.valueOf(words.get(3)),
        shape,
        words.subList(5, words.size()).stream().map(Double::valueOf).toList());
  }
}
