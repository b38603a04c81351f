package dev.warpstep.golden;

import dev.warpstep.golden.FullStepCase.Around;
import dev.warpstep.golden.FullStepCase.Average;
import dev.warpstep.golden.FullStepCase.Injection;
import dev.warpstep.golden.FullStepCase.Scale;
import dev.warpstep.golden.FullStepCase.Scaler;
import dev.warpstep.golden.FullStepCase.Snapshot;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.FullStepCase.Values;
import dev.warpstep.golden.GoldenCase.Dtype;
import dev.warpstep.golden.GoldenCase.Missing;
import dev.warpstep.golden.GoldenCase.Options;
import dev.warpstep.golden.GoldenCase.Sums;
import dev.warpstep.golden.GoldenCase.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Reads the full steps that {@code src/test/golden/generate_full_step.py} wrote; the line format is
 * described there.
 */
public final class FullStepCases {
  private FullStepCases() {}

  /** Every case in a dtype, in the order of the file. */
  public static List<FullStepCase> of(Dtype dtype) {
    String file = "full-step-" + dtype.toString().toLowerCase(Locale.ROOT) + ".txt";
    List<String> lines = GoldenCases.lines(file);
    List<FullStepCase> cases = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).equals("end")) {
        cases.add(new Reading(dtype).read(lines.subList(begin, i)));
        begin = i + 1;
      }
    }
    if (begin != lines.size() || cases.isEmpty()) {
      throw new IllegalStateException(file + " is cut off");
    }
    return List.copyOf(cases);
  }

  /** One case while its lines are read. */
  private static final class Reading {
    private final Dtype dtype;
    private final Map<String, String> header = new LinkedHashMap<>();
    private final List<Options> groups = new ArrayList<>();
    private final List<Tensor> tensors = new ArrayList<>();
    private final List<Missing> missing = new ArrayList<>();
    private final List<Injection> injections = new ArrayList<>();
    private final List<Step> steps = new ArrayList<>();
    private final List<Snapshot> snapshots = new ArrayList<>();
    private List<Integer> exponents = List.of();
    private Around around = around(Map.of());
    private Optional<Scaler> scaler = Optional.empty();
    private Optional<Average> average = Optional.empty();

    Reading(Dtype dtype) {
      this.dtype = dtype;
    }

    FullStepCase read(List<String> lines) {
      for (String line : lines) {
        try {
          read(line);
        } catch (RuntimeException e) {
          throw new IllegalStateException(
              "cannot read in " + dtype + " " + header + ": " + line, e);
        }
      }
      if (steps.size() != Integer.parseInt(header.get("steps"))) {
        throw new IllegalStateException(steps.size() + " steps in " + header);
      }
      return new FullStepCase(
          header.get("case"),
          header.get("optimizer"),
          dtype,
          new GoldenInputs(Long.parseLong(header.get("seed"))),
          GoldenInputs.Gradient.valueOf(header.get("gradient").toUpperCase(Locale.ROOT)),
          exponents,
          List.copyOf(groups),
          List.copyOf(tensors),
          List.copyOf(missing),
          List.copyOf(injections),
          around,
          scaler,
          average,
          List.copyOf(steps),
          List.copyOf(snapshots));
    }

    private void read(String line) {
      List<String> words = GoldenCases.words(line);
      switch (words.getFirst()) {
        case "case", "optimizer", "seed", "gradient", "steps" ->
            header.put(words.getFirst(), words.get(1));
        case "exponents" ->
            exponents = words.subList(1, words.size()).stream().map(Integer::valueOf).toList();
        case "group" -> groups.add(new Options(pairs(words)));
        case "tensor" -> {
          Map<String, String> pairs = pairs(words);
          tensors.add(
              new Tensor(
                  Integer.parseInt(pairs.get("group")), Integer.parseInt(pairs.get("size"))));
        }
        case "missing" ->
            missing.add(new Missing(integer(words, 1), integer(words, 2), integer(words, 3)));
        case "inject" ->
            injections.add(
                new Injection(
                    integer(words, 1), integer(words, 2), integer(words, 3), number(words.get(4))));
        case "around" -> around = around(pairs(words));
        case "scaler" -> scaler = Optional.of(scaler(pairs(words)));
        case "average" -> average = Optional.of(new Average(optional(pairs(words), "decay")));
        case "step" -> addStep(integer(words, 1), pairs(words));
        case "after" ->
            snapshots.add(new Snapshot(integer(words, 1), new ArrayList<>(), 0, new ArrayList<>()));
        case "averaged" -> {
          Snapshot last = snapshots.removeLast();
          snapshots.add(
              new Snapshot(last.step(), last.parameters(), integer(words, 1), last.averages()));
        }
        case "param" -> snapshots.getLast().parameters().add(values(words));
        case "average_of" -> snapshots.getLast().averages().add(values(words));
        default -> throw new IllegalArgumentException("no such line");
      }
    }

    private void addStep(int number, Map<String, String> pairs) {
      if (number != steps.size() + 1) {
        throw new IllegalArgumentException("after step " + steps.size());
      }
      Optional<Scale> scale =
          scaler.map(
              any ->
                  new Scale(
                      number(pairs.get("scale")),
                      number(pairs.get("next_scale")),
                      Integer.parseInt(pairs.get("tracker"))));
      steps.add(new Step(number(pairs.get("norm")), flag(pairs.get("skipped")), scale));
    }

    private Values values(List<String> words) {
      int size = tensors.get(integer(words, 1)).size();
      boolean whole = !words.get(2).equals("sampled");
      List<Double> sampled =
          words.subList(whole ? 3 : 5, words.size()).stream().map(Reading::number).toList();
      int expected = whole ? integer(words, 2) : size;
      if (expected != size || sampled.size() != FullStepCase.sampleIndices(size).length) {
        throw new IllegalArgumentException(sampled.size() + " values of " + size + " elements");
      }
      Optional<Sums> sums =
          whole
              ? Optional.empty()
              : Optional.of(new Sums(number(words.get(3)), number(words.get(4))));
      return new Values(size, sampled, sums);
    }

    private static Around around(Map<String, String> pairs) {
      return new Around(
          optional(pairs, "gradient_scale"),
          optional(pairs, "max_norm"),
          optional(pairs, "norm_type").orElse(2),
          optional(pairs, "clip_value"),
          flag(pairs.getOrDefault("zero_grad", "false")));
    }

    private static Scaler scaler(Map<String, String> pairs) {
      return new Scaler(
          number(pairs.get("init_scale")),
          number(pairs.get("growth_factor")),
          number(pairs.get("backoff_factor")),
          Integer.parseInt(pairs.get("growth_interval")));
    }

    /** The words that are {@code KEY=VALUE}. */
    private static Map<String, String> pairs(List<String> words) {
      Map<String, String> pairs = new HashMap<>();
      for (String word : words) {
        int equals = word.indexOf('=');
        if (equals >= 0) {
          pairs.put(word.substring(0, equals), word.substring(equals + 1));
        }
      }
      return pairs;
    }

    private static OptionalDouble optional(Map<String, String> pairs, String key) {
      String value = pairs.get(key);
      return value == null ? OptionalDouble.empty() : OptionalDouble.of(number(value));
    }

    private static boolean flag(String value) {
      return switch (value) {
        case "true" -> true;
        case "false" -> false;
        default -> throw new IllegalArgumentException("no flag: " + value);
      };
    }

    private static int integer(List<String> words, int index) {
      return Integer.parseInt(words.get(index));
    }

    private static double number(String word) {
      return switch (word) {
        case "nan" -> Double.NaN;
        case "inf" -> Double.POSITIVE_INFINITY;
        case "-inf" -> Double.NEGATIVE_INFINITY;
        default -> Double.parseDouble(word);
      };
    }
  }
}
