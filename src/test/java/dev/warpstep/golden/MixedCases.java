package dev.warpstep.golden;

import dev.warpstep.DType;
import dev.warpstep.golden.FullStepCase.Average;
import dev.warpstep.golden.FullStepCase.Injection;
import dev.warpstep.golden.FullStepCase.Scale;
import dev.warpstep.golden.FullStepCase.Scaler;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.GoldenCase.Options;
import dev.warpstep.golden.MixedCase.Bits;
import dev.warpstep.golden.MixedCase.Kind;
import dev.warpstep.golden.MixedCase.Snapshot;
import dev.warpstep.golden.MixedCase.TensorBits;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Reads the 16-bit steps that {@code src/test/golden/generate_mixed.py} wrote; the line format is
 * described there.
 */
public final class MixedCases {
  private MixedCases() {}

  /** Every case of a kind in a 16-bit dtype, in the order of the file. */
  public static List<MixedCase> of(Kind kind, DType dtype) {
    String file = "mixed-" + dtype.toString().toLowerCase(Locale.ROOT) + ".txt";
    List<String> lines = GoldenCases.lines(file);
    List<MixedCase> cases = new ArrayList<>();
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
    return cases.stream().filter(golden -> golden.kind() == kind).toList();
  }

  /** One case while its lines are read. */
  private static final class Reading {
    private final DType dtype;
    private final Map<String, String> header = new LinkedHashMap<>();
    private final List<Injection> injections = new ArrayList<>();
    private final List<Step> steps = new ArrayList<>();
    private final List<Snapshot> snapshots = new ArrayList<>();
    private List<Integer> sizes = List.of();
    private List<Integer> exponents = List.of();
    private Map<String, String> options = Map.of();
    private Map<String, String> around = Map.of();
    private Optional<Scaler> scaler = Optional.empty();
    private Optional<Average> average = Optional.empty();

    Reading(DType dtype) {
      this.dtype = dtype;
    }

    MixedCase read(List<String> lines) {
      for (String line : lines) {
        try {
          read(line);
        } catch (RuntimeException e) {
          throw new IllegalStateException(
              "cannot read in " + dtype + " " + header + ": " + line, e);
        }
      }
      return new MixedCase(
          Kind.valueOf(header.get("kind").toUpperCase(Locale.ROOT)),
          header.get("case"),
          header.get("optimizer"),
          dtype,
          new GoldenInputs(Long.parseLong(header.get("seed"))),
          new Options(options),
          sizes,
          exponents,
          List.copyOf(injections),
          optional(around, "max_norm"),
          optional(around, "clip_value"),
          scaler,
          average,
          List.copyOf(steps),
          List.copyOf(snapshots));
    }

    private void read(String line) {
      List<String> words = GoldenCases.words(line);
      switch (words.getFirst()) {
        case "case", "kind", "optimizer", "seed" -> header.put(words.getFirst(), words.get(1));
        case "options" -> options = pairs(words);
        case "sizes" -> sizes = integers(words);
        case "exponents" -> exponents = integers(words);
        case "inject" ->
            injections.add(
                new Injection(
                    integer(words, 1), integer(words, 2), integer(words, 3), number(words.get(4))));
        case "around" -> around = pairs(words);
        case "scaler" -> scaler = Optional.of(scaler(pairs(words)));
        case "average" -> average = Optional.of(new Average(optional(pairs(words), "decay")));
        case "step" -> addStep(integer(words, 1), pairs(words));
        case "after" -> snapshots.add(new Snapshot(integer(words, 1), new ArrayList<>(), 0));
        case "averaged" -> {
          Snapshot last = snapshots.removeLast();
          snapshots.add(new Snapshot(last.step(), last.tensors(), integer(words, 1)));
        }
        case "param" -> addParameter(integer(words, 1), bits(words, 2, 4));
        case "state" -> state(words).put(words.get(2), bits(words, 3, stateDigits()));
        case "master" -> {
          TensorBits tensor = tensor(words);
          Optional<Bits> master = Optional.of(bits(words, 2, 8));
          replace(
              words, new TensorBits(tensor.parameter(), tensor.state(), master, Optional.empty()));
        }
        case "average_of" -> {
          TensorBits tensor = tensor(words);
          Optional<Bits> averaged = Optional.of(bits(words, 2, 8));
          replace(
              words, new TensorBits(tensor.parameter(), tensor.state(), tensor.master(), averaged));
        }
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
      boolean skipped = Boolean.parseBoolean(pairs.get("skipped"));
      steps.add(new Step(number(pairs.get("norm")), skipped, scale));
    }

    private void addParameter(int index, Bits parameter) {
      List<TensorBits> tensors = snapshots.getLast().tensors();
      if (index != tensors.size()) {
        throw new IllegalArgumentException("after " + tensors.size() + " tensors");
      }
      tensors.add(
          new TensorBits(parameter, new LinkedHashMap<>(), Optional.empty(), Optional.empty()));
    }

    private int stateDigits() {
      return header.get("kind").equals("master") ? 8 : 4;
    }

    private Map<String, Bits> state(List<String> words) {
      return tensor(words).state();
    }

    private TensorBits tensor(List<String> words) {
      return snapshots.getLast().tensors().get(integer(words, 1));
    }

    private void replace(List<String> words, TensorBits tensor) {
      snapshots.getLast().tensors().set(integer(words, 1), tensor);
    }

    private Bits bits(List<String> words, int index, int digitsOfOne) {
      String digits = words.get(index);
      if (digits.length() != digitsOfOne * sizes.get(integer(words, 1))) {
        throw new IllegalArgumentException(digits.length() + " digits");
      }
      return new Bits(digits);
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
      return Collections.unmodifiableMap(pairs);
    }

    private static OptionalDouble optional(Map<String, String> pairs, String key) {
      String value = pairs.get(key);
      return value == null ? OptionalDouble.empty() : OptionalDouble.of(number(value));
    }

    private static List<Integer> integers(List<String> words) {
      return words.subList(1, words.size()).stream().map(Integer::valueOf).toList();
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
