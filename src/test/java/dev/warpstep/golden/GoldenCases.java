package dev.warpstep.golden;

import dev.warpstep.golden.GoldenCase.Change;
import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenCase.Missing;
import dev.warpstep.golden.GoldenCase.Options;
import dev.warpstep.golden.GoldenCase.Snapshot;
import dev.warpstep.golden.GoldenCase.Sums;
import dev.warpstep.golden.GoldenCase.Tensor;
import dev.warpstep.golden.GoldenCase.TensorValues;
import dev.warpstep.golden.GoldenCase.TypedValue;
import dev.warpstep.golden.GoldenCase.Values;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Reads the trajectories of {@code torch.optim} that {@code src/test/golden/generate.py} wrote; the
 * line format is described there.
 */
public final class GoldenCases {
  /** The recorded classes of {@code torch.optim}. */
  public static final List<String> OPTIMIZERS = List.of("SGD", "RMSprop", "Adam", "AdamW");

  private GoldenCases() {}

  /** Every case of an optimizer in a dtype, in the order of the file. */
  public static List<GoldenCase> of(String optimizer, Dtype dtype) {
    String file = (optimizer + "-" + dtype).toLowerCase(Locale.ROOT) + ".txt";
    List<String> lines = lines(file);
    List<GoldenCase> cases = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).equals("end")) {
        cases.add(new Reading(optimizer, dtype).read(lines.subList(begin, i)));
        begin = i + 1;
      }
    }
    if (begin != lines.size() || cases.isEmpty()) {
      throw new IllegalStateException(file + " is cut off");
    }
    return List.copyOf(cases);
  }

  /** The version of PyTorch that computed the numbers. */
  public static String torchVersion() {
    return lines("torch.txt").stream()
        .filter(line -> line.startsWith("torch "))
        .findFirst()
        .orElseThrow()
        .substring("torch ".length());
  }

  /** The constructor arguments of an optimizer and their defaults in PyTorch, in order. */
  public static Map<String, TypedValue> defaults(String optimizer) {
    List<String> words =
        lines("torch.txt").stream()
            .map(GoldenCases::words)
            .filter(line -> line.getFirst().equals("defaults") && line.get(1).equals(optimizer))
            .findFirst()
            .orElseThrow();
    return typedValues(words.subList(2, words.size()));
  }

  /** The lines of a golden file without comments and blank lines. */
  static List<String> lines(String file) {
    try (InputStream in = GoldenCases.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("no golden file " + file);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isEmpty() && !line.startsWith("#"))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<String> words(String line) {
    return Arrays.asList(line.split(" ", -1));
  }

  private static Map<String, String> pairs(List<String> words) {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (String word : words) {
      int equals = word.indexOf('=');
      pairs.put(word.substring(0, equals), word.substring(equals + 1));
    }
    return pairs;
  }

  private static Map<String, TypedValue> typedValues(List<String> words) {
    Map<String, TypedValue> values = new LinkedHashMap<>();
    pairs(words)
        .forEach(
            (name, typed) -> {
              int colon = typed.indexOf(':');
              values.put(
                  name, new TypedValue(typed.substring(0, colon), typed.substring(colon + 1)));
            });
    return Collections.unmodifiableMap(values);
  }

  /** One case while its lines are read. */
  private static final class Reading {
    private final String optimizer;
    private final Dtype dtype;
    private final Map<String, String> header = new LinkedHashMap<>();
    private final List<Options> groups = new ArrayList<>();
    private final List<Tensor> tensors = new ArrayList<>();
    private final List<Missing> missing = new ArrayList<>();
    private final List<Change> changes = new ArrayList<>();
    private final List<Snapshot> snapshots = new ArrayList<>();
    private final List<Map<String, TypedValue>> savedGroups = new ArrayList<>();

    Reading(String optimizer, Dtype dtype) {
      this.optimizer = optimizer;
      this.dtype = dtype;
    }

    GoldenCase read(List<String> lines) {
      for (String line : lines) {
        try {
          read(line);
        } catch (RuntimeException e) {
          throw new IllegalStateException(
              "cannot read in " + optimizer + " " + dtype + " " + header + ": " + line, e);
        }
      }
      return new GoldenCase(
          optimizer,
          header.get("case"),
          dtype,
          new GoldenInputs(Long.parseLong(header.get("seed"))),
          GoldenInputs.Gradient.valueOf(header.get("gradient").toUpperCase(Locale.ROOT)),
          Integer.parseInt(header.get("steps")),
          List.copyOf(groups),
          List.copyOf(tensors),
          List.copyOf(missing),
          List.copyOf(changes),
          snapshots.stream().map(Reading::frozen).toList(),
          List.copyOf(savedGroups));
    }

    private void read(String line) {
      List<String> words = words(line);
      switch (words.getFirst()) {
        case "case", "seed", "gradient", "steps" -> header.put(words.getFirst(), words.get(1));
        case "group" -> groups.add(new Options(pairs(words.subList(2, words.size()))));
        case "tensor" -> {
          Map<String, String> pairs = pairs(words.subList(2, words.size()));
          tensors.add(
              new Tensor(
                  Integer.parseInt(pairs.get("group")), Integer.parseInt(pairs.get("size"))));
        }
        case "missing" ->
            missing.add(new Missing(number(words, 1), number(words, 2), number(words, 3)));
        case "change" -> {
          Map<String, String> pairs = pairs(words.subList(2, words.size()));
          int group = Integer.parseInt(pairs.remove("group"));
          changes.add(new Change(number(words, 1), group, new Options(pairs)));
        }
        case "after" -> snapshots.add(new Snapshot(number(words, 1), new ArrayList<>()));
        case "param" -> {
          int size = tensors.get(number(words, 1)).size();
          snapshots
              .getLast()
              .tensors()
              .add(new TensorValues(values(words, 2, size), new LinkedHashMap<>()));
        }
        case "state" -> {
          String name = words.get(2);
          int tensor = number(words, 1);
          int size = name.equals("step") ? 1 : tensors.get(tensor).size();
          snapshots.getLast().tensors().get(tensor).state().put(name, values(words, 3, size));
        }
        case "saved_group" -> savedGroups.add(typedValues(words.subList(2, words.size())));
        default -> throw new IllegalArgumentException("no such line");
      }
    }

    private static Snapshot frozen(Snapshot snapshot) {
      return new Snapshot(
          snapshot.step(),
          snapshot.tensors().stream()
              .map(t -> new TensorValues(t.parameter(), Collections.unmodifiableMap(t.state())))
              .toList());
    }

    private static int number(List<String> words, int index) {
      return Integer.parseInt(words.get(index));
    }

    private static Values values(List<String> words, int from, int size) {
      boolean whole = !words.get(from).equals("sampled");
      int first = from + (whole ? 1 : 3);
      List<Double> sampled =
          words.subList(first, words.size()).stream().map(Double::valueOf).toList();
      int expected = whole ? Integer.parseInt(words.get(from)) : size;
      if (expected != size || sampled.size() != GoldenInputs.sampleIndices(size).length) {
        throw new IllegalArgumentException(sampled.size() + " values of " + size + " elements");
      }
      Optional<Sums> sums =
          whole
              ? Optional.empty()
              : Optional.of(
                  new Sums(
                      Double.parseDouble(words.get(from + 1)),
                      Double.parseDouble(words.get(from + 2))));
      return new Values(size, sampled, sums);
    }
  }
}
