package dev.warpstep.lr;

import dev.warpstep.Adam;
import dev.warpstep.AdamW;
import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import dev.warpstep.lr.ReduceLROnPlateau.ThresholdMode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongToDoubleFunction;

/**
 * Reads the schedules of PyTorch that {@code src/test/golden/generate_schedules.py} wrote, where
 * the line format is described, and makes the same of this library's classes.
 */
final class GoldenSchedules {
  /** Twins of the generator's {@code FUNCTIONS}. */
  private static final Map<String, LongToDoubleFunction> FUNCTIONS =
      Map.of(
          "decay", epoch -> Math.pow(0.95, (double) epoch),
          "inverse", epoch -> 1 / (1.0 + epoch),
          "stairs", epoch -> Math.pow(0.5, Math.floor(epoch / 7.0)),
          "constant", epoch -> 0.9,
          "alternate", epoch -> epoch % 3 == 0 ? 1.1 : 0.93,
          "third", cycle -> 1.0 / cycle,
          "slow", epoch -> 1 / (1 + 0.01 * epoch));

  private GoldenSchedules() {}

  /**
   * One schedule, and what it did in PyTorch.
   *
   * @param name number and first line of the schedule
   * @param optimizer class in {@code torch.optim}
   * @param lrs of the groups
   * @param schedules the schedule and its parts, in the order of the file
   * @param metrics empty, unless the schedule needs them
   * @param calls epochs that steps were given, NaN for none; empty, unless any was
   * @param values by hyper-parameter and group, after the constructor and after each step
   */
  record Case(
      String name,
      String optimizer,
      List<Double> lrs,
      List<Node> schedules,
      List<Double> metrics,
      List<Double> calls,
      Map<HyperParameter, List<List<Double>>> values) {
    /** How often the schedule was stepped. */
    int epochs() {
      return values.get(HyperParameter.LR).getFirst().size() - 1;
    }

    /** The optimizer, with a parameter in each group. */
    Optimizer optimizer(Device device) {
      ParamGroup[] groups = new ParamGroup[lrs.size()];
      for (int g = 0; g < lrs.size(); g++) {
        groups[g] = ParamGroup.of(Parameter.of("p" + g, new float[1])).lr(lrs.get(g));
      }
      return switch (optimizer) {
        case "SGD" -> SGD.builder().momentum(0.9).build(device, groups);
        case "RMSprop" -> RMSprop.builder().momentum(0.9).build(device, groups);
        case "Adam" -> Adam.builder().build(device, groups);
        case "AdamW" -> AdamW.builder().build(device, groups);
        default -> throw new IllegalStateException(optimizer);
      };
    }

    /** The schedule, at epoch 0. */
    LRScheduler schedule(Optimizer of) {
      return build(of, 0);
    }

    /** The step to an epoch from 1 on. */
    void step(LRScheduler schedule, int epoch) {
      if (schedule instanceof ReduceLROnPlateau plateau) {
        plateau.step(metrics.get(epoch - 1));
      } else if (schedule instanceof CosineAnnealingWarmRestarts restarts && jumps(epoch)) {
        restarts.step(calls.get(epoch - 1));
      } else {
        schedule.step();
      }
    }

    /** What the schedule takes a step from 0 on for. */
    long lastEpoch(int step) {
      long last = 0;
      for (int s = 1; s <= step; s++) {
        last = jumps(s) ? (long) Math.floor(calls.get(s - 1)) : last + 1;
      }
      return last;
    }

    private boolean jumps(int step) {
      return !calls.isEmpty() && !Double.isNaN(calls.get(step - 1));
    }

    private LRScheduler build(Optimizer of, int index) {
      Node node = schedules.get(index);
      List<LRScheduler> parts = new ArrayList<>();
      for (int i = index + 1; i < schedules.size(); i++) {
        if (schedules.get(i).depth() == node.depth() + 1) {
          parts.add(build(of, i));
        }
      }
      return node.build(of, parts);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** A schedule without its parts; arguments that it lacks are PyTorch's defaults. */
  record Node(int depth, String kind, Map<String, String> options) {
    private double[] all(String key, double... otherwise) {
      return options.containsKey(key)
          ? Arrays.stream(options.get(key).split(",")).mapToDouble(Double::parseDouble).toArray()
          : otherwise;
    }

    private double real(String key, double otherwise) {
      return all(key, otherwise)[0];
    }

    private long whole(String key, long otherwise) {
      return (long) real(key, (double) otherwise);
    }

    private long[] milestones() {
      return Arrays.stream(all("milestones")).mapToLong(value -> (long) value).toArray();
    }

    private <E extends Enum<E>> E constant(String key, E otherwise) {
      return options.containsKey(key)
          ? Enum.valueOf(otherwise.getDeclaringClass(), options.get(key).toUpperCase(Locale.ROOT))
          : otherwise;
    }

    private boolean isOn(String key, boolean otherwise) {
      return Boolean.parseBoolean(
          options.getOrDefault(key, String.valueOf(otherwise)).toLowerCase(Locale.ROOT));
    }

    private LongToDoubleFunction[] functions(String key) {
      return Arrays.stream(options.get(key).split(","))
          .map(FUNCTIONS::get)
          .toArray(LongToDoubleFunction[]::new);
    }

    LRScheduler build(Optimizer optimizer, List<LRScheduler> parts) {
      return switch (kind) {
        case "LambdaLR" -> lambda(optimizer);
        case "MultiplicativeLR" -> new MultiplicativeLR(optimizer, functions("lr_lambda"));
        case "StepLR" -> new StepLR(optimizer, whole("step_size", 0), real("gamma", 0.1));
        case "MultiStepLR" -> new MultiStepLR(optimizer, real("gamma", 0.1), milestones());
        case "ConstantLR" ->
            options.isEmpty()
                ? new ConstantLR(optimizer)
                : new ConstantLR(optimizer, real("factor", 1.0 / 3), whole("total_iters", 5));
        case "LinearLR" ->
            options.isEmpty()
                ? new LinearLR(optimizer)
                : new LinearLR(
                    optimizer,
                    real("start_factor", 1.0 / 3),
                    real("end_factor", 1),
                    whole("total_iters", 5));
        case "ExponentialLR" -> new ExponentialLR(optimizer, real("gamma", 0));
        case "PolynomialLR" ->
            options.isEmpty()
                ? new PolynomialLR(optimizer)
                : new PolynomialLR(optimizer, whole("total_iters", 5), real("power", 1));
        case "CosineAnnealingLR" ->
            new CosineAnnealingLR(optimizer, whole("T_max", 0), real("eta_min", 0));
        case "CosineAnnealingWarmRestarts" ->
            new CosineAnnealingWarmRestarts(
                optimizer, whole("T_0", 0), whole("T_mult", 1), real("eta_min", 0));
        case "SWALR" ->
            new SWALR(
                optimizer,
                whole("anneal_epochs", 10),
                constant("anneal_strategy", AnnealStrategy.COS),
                all("swa_lr"));
        case "CyclicLR" -> cyclic(optimizer);
        case "OneCycleLR" -> oneCycle(optimizer);
        case "ReduceLROnPlateau" -> plateau(optimizer);
        case "SequentialLR" -> new SequentialLR(optimizer, parts, milestones());
        case "ChainedScheduler" -> new ChainedScheduler(optimizer, parts);
        default -> throw new IllegalStateException(kind);
      };
    }

    private LRScheduler lambda(Optimizer optimizer) {
      return switch (options.get("lr_lambda")) {
        case "warmup_cosine_10_50" -> Warmup.cosine(optimizer, 10, 50);
        case "warmup_cosine_0_60" -> Warmup.cosine(optimizer, 0, 60);
        default -> new LambdaLR(optimizer, functions("lr_lambda"));
      };
    }

    private LRScheduler cyclic(Optimizer optimizer) {
      CyclicLR.Builder builder =
          CyclicLR.builder(optimizer)
              .baseLr(all("base_lr"))
              .maxLr(all("max_lr"))
              .stepSizeUp(whole("step_size_up", 2000))
              .mode(constant("mode", CyclicLR.Mode.TRIANGULAR), real("gamma", 1))
              .cycleMomentum(isOn("cycle_momentum", true))
              .baseMomentum(all("base_momentum", 0.8))
              .maxMomentum(all("max_momentum", 0.9));
      if (options.containsKey("step_size_down")) {
        builder.stepSizeDown(whole("step_size_down", 0));
      }
      if (options.containsKey("scale_fn")) {
        LongToDoubleFunction function = functions("scale_fn")[0];
        if (options.get("scale_mode").equals("cycle")) {
          builder.scaleByCycle(function);
        } else {
          builder.scaleByEpoch(function);
        }
      }
      return builder.build();
    }

    private LRScheduler oneCycle(Optimizer optimizer) {
      long steps = whole("total_steps", whole("epochs", 0) * whole("steps_per_epoch", 0));
      return OneCycleLR.builder(optimizer, steps, all("max_lr"))
          .pctStart(real("pct_start", 0.3))
          .annealStrategy(constant("anneal_strategy", AnnealStrategy.COS))
          .cycleMomentum(isOn("cycle_momentum", true))
          .baseMomentum(all("base_momentum", 0.85))
          .maxMomentum(all("max_momentum", 0.95))
          .divFactor(real("div_factor", 25))
          .finalDivFactor(real("final_div_factor", 1e4))
          .threePhase(isOn("three_phase", false))
          .build();
    }

    private LRScheduler plateau(Optimizer optimizer) {
      return ReduceLROnPlateau.builder(optimizer)
          .mode(constant("mode", ReduceLROnPlateau.Mode.MIN))
          .factor(real("factor", 0.1))
          .patience(whole("patience", 10))
          .threshold(real("threshold", 1e-4), constant("threshold_mode", ThresholdMode.REL))
          .cooldown(whole("cooldown", 0))
          .minLr(all("min_lr", 0))
          .eps(real("eps", 1e-8))
          .build();
    }
  }

  /** Every case, in the order of the file. */
  static List<Case> all() {
    List<Case> cases = new ArrayList<>();
    List<String[]> lines = new ArrayList<>();
    for (String line : lines()) {
      if (line.equals("end")) {
        cases.add(read(lines));
        lines.clear();
      } else if (!line.startsWith("#")) {
        lines.add(line.split(" "));
      }
    }
    return cases;
  }

  private static Case read(List<String[]> lines) {
    List<Node> schedules = new ArrayList<>();
    List<Double> metrics = List.of();
    List<Double> calls = List.of();
    Map<HyperParameter, List<List<Double>>> values = new LinkedHashMap<>();
    for (String[] words : lines.subList(1, lines.size())) {
      switch (words[0]) {
        case "schedule" -> schedules.add(node(words));
        case "metrics" -> metrics = numbers(words, 1);
        case "epochs" -> calls = numbers(words, 1);
        default ->
            values
                .computeIfAbsent(
                    HyperParameter.valueOf(words[0].toUpperCase(Locale.ROOT)),
                    what -> new ArrayList<>())
                .add(numbers(words, 2));
      }
    }
    String[] first = lines.getFirst();
    String name = first[1] + " " + schedules.getFirst().kind() + schedules.getFirst().options();
    return new Case(name, first[2], numbers(first, 3), schedules, metrics, calls, values);
  }

  private static Node node(String[] words) {
    Map<String, String> options = new LinkedHashMap<>();
    for (String option : Arrays.asList(words).subList(3, words.length)) {
      int equals = option.indexOf('=');
      options.put(option.substring(0, equals), option.substring(equals + 1));
    }
    return new Node(Integer.parseInt(words[1]), words[2], options);
  }

  private static List<Double> numbers(String[] words, int from) {
    List<Double> numbers = new ArrayList<>();
    for (int i = from; i < words.length; i++) {
      if (words[i].startsWith("*")) {
        double last = numbers.getLast();
        for (int again = Integer.parseInt(words[i].substring(1)); again > 0; again--) {
          numbers.add(last);
        }
      } else {
        numbers.add(words[i].matches("nan|-") ? Double.NaN : Double.parseDouble(words[i]));
      }
    }
    return numbers;
  }

  private static List<String> lines() {
    String file = "/dev/warpstep/golden/schedules.txt";
    try (InputStream in = GoldenSchedules.class.getResourceAsStream(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
