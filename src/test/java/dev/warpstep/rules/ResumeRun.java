package dev.warpstep.rules;

import dev.warpstep.AveragedParameters;
import dev.warpstep.AveragedState;
import dev.warpstep.Device;
import dev.warpstep.GradScaler;
import dev.warpstep.GradScalerState;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.StepOptions;
import dev.warpstep.StepResult;
import dev.warpstep.lr.AnnealStrategy;
import dev.warpstep.lr.ChainedScheduler;
import dev.warpstep.lr.CosineAnnealingLR;
import dev.warpstep.lr.CosineAnnealingWarmRestarts;
import dev.warpstep.lr.CyclicLR;
import dev.warpstep.lr.ExponentialLR;
import dev.warpstep.lr.LRScheduler;
import dev.warpstep.lr.LambdaLR;
import dev.warpstep.lr.MultiplicativeLR;
import dev.warpstep.lr.OneCycleLR;
import dev.warpstep.lr.ReduceLROnPlateau;
import dev.warpstep.lr.SWALR;
import dev.warpstep.lr.SchedulerState;
import dev.warpstep.lr.StepLR;
import dev.warpstep.lr.Warmup;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * A training that everything resumable takes part in: a rule, two groups, a schedule, an average
 * and a scaler, with steps that are skipped and gradients that are missing. What it is made of
 * follows from a seed; what it does, from the seed and what it was made with or has loaded.
 */
public final class ResumeRun implements AutoCloseable {
  private static final int MOST_STEPS = 40;
  private static final float[] NONFINITE = {
    Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
  };

  private final Recipe recipe;
  private final List<Parameter> parameters = new ArrayList<>();
  private final Optimizer optimizer;
  private final LRScheduler schedule;
  private final AveragedParameters average;
  private final GradScaler scaler;
  private final StepOptions options;
  private final boolean updatesItself;
  private int skippedSteps;

  /**
   * A training.
   *
   * @param rule of the optimizer
   * @param seed of all its choices
   * @param sizes of the tensors
   * @param steps how many there are
   * @param stop after how many of them it is interrupted
   */
  public record Recipe(RuleUnderTest rule, long seed, List<Integer> sizes, int steps, int stop) {
    /** What a seed makes of a rule. */
    public static Recipe of(RuleUnderTest rule, long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      List<Integer> sizes = new ArrayList<>();
      for (int count = random.nextInt(2, 6); count > 0; count--) {
        sizes.add(random.nextInt(50));
      }
      int steps = random.nextInt(1, MOST_STEPS + 1);
      return new Recipe(rule, seed, sizes, steps, random.nextInt(steps + 1));
    }

    private SplittableRandom random(int purpose) {
      return new SplittableRandom(seed * 1_000_003 + purpose);
    }

    @Override
    public String toString() {
      return "%s, seed %d, %d steps, stopped after %d".formatted(rule, seed, steps, stop);
    }
  }

  /** Everything that a resume needs. */
  public record Snapshot(
      List<float[]> values,
      StateDict optimizer,
      SchedulerState schedule,
      AveragedState average,
      GradScalerState scaler) {
    /** All of it by name, values as their bits. */
    public Map<String, String> bits() {
      Map<String, String> bits = new TreeMap<>();
      bits.put("groups", optimizer.paramGroups().toString());
      bits.put("schedule", schedule.toString());
      bits.put("scaler", scaler.toString());
      bits.put("average", average.decay() + ", " + average.updates());
      for (int i = 0; i < values.size(); i++) {
        bits.put("values " + i, Arrays.toString(values.get(i)));
      }
      average.averages().forEach((name, tensor) -> bits.put("average of " + name, bits(tensor)));
      optimizer
          .state()
          .forEach(
              (name, state) -> {
                bits.put("step of " + name, state.step().toString());
                state
                    .tensors()
                    .forEach((array, tensor) -> bits.put(array + " of " + name, bits(tensor)));
              });
      return bits;
    }

    private static String bits(StateTensor tensor) {
      return tensor.dtype() + Arrays.toString(tensor.values().toArray(ValueLayout.JAVA_BYTE));
    }
  }

  /**
   * Makes the training, before its first step.
   *
   * @param other whether initial values, rates and all that a state brings along are others than
   *     the recipe says, so that whatever a load forgets is seen
   */
  public ResumeRun(Device device, Recipe recipe, boolean other) {
    this.recipe = recipe;
    SplittableRandom random = recipe.random(-1);
    for (int i = 0; i < recipe.sizes().size(); i++) {
      Parameter parameter = Parameter.allocate(device, "p" + i, recipe.sizes().get(i));
      parameter.copyFrom(values(recipe.sizes().get(i), other ? 100 : 1, random));
      parameters.add(parameter);
    }
    optimizer =
        recipe
            .rule()
            .builder()
            .get()
            .build(
                device,
                ParamGroup.of(parameters.subList(0, 1)),
                ParamGroup.of(parameters.subList(1, parameters.size())).lr(other ? 0.7 : 0.01));
    schedule = schedule(random);
    average =
        random.nextBoolean()
            ? AveragedParameters.ema(optimizer, other ? 0.1 : random.nextDouble())
            : AveragedParameters.swa(optimizer);
    scaler =
        (other
                ? GradScaler.builder()
                : GradScaler.builder()
                    .initScale(random.nextDouble(1, 5_000))
                    .growthFactor(random.nextDouble(1.1, 4))
                    .backoffFactor(random.nextDouble(0.1, 0.9))
                    .growthInterval(random.nextInt(1, 6)))
            .build(device);
    SplittableRandom choices = recipe.random(-2);
    boolean updates = choices.nextInt(4) > 0;
    StepOptions.Builder builder =
        StepOptions.builder().average(average).gradScaler(scaler, updates);
    if (choices.nextBoolean()) {
      builder.maxNorm(choices.nextDouble(0.1, 3));
    }
    options = builder.zeroGrad(choices.nextBoolean()).build();
    updatesItself = !updates;
  }

  private static float[] values(int size, double magnitude, SplittableRandom random) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextDouble(-magnitude, magnitude);
    }
    return values;
  }

  private LRScheduler schedule(SplittableRandom random) {
    Optimizer of = optimizer;
    double gamma = random.nextDouble(0.7, 1);
    boolean cycles = of.defaults().containsKey(HyperParameter.BETA1);
    return switch (random.nextInt(11)) {
      case 0 -> new StepLR(of, 3, gamma);
      case 1 -> new CosineAnnealingLR(of, 9, 1e-4);
      case 2 -> new CosineAnnealingWarmRestarts(of, 3, 2, 1e-5);
      case 3 -> new LambdaLR(of, epoch -> 1 / (1.0 + epoch));
      case 4 -> new MultiplicativeLR(of, epoch -> gamma);
      case 5 -> CyclicLR.builder(of).baseLr(1e-3).maxLr(0.1).cycleMomentum(cycles).build();
      case 6 -> OneCycleLR.builder(of, MOST_STEPS + 1, 0.1).cycleMomentum(cycles).build();
      case 7 -> ReduceLROnPlateau.builder(of).patience(1).cooldown(1).factor(gamma).build();
      case 8 -> Warmup.linear(0.1, 4, new ExponentialLR(of, gamma));
      case 9 ->
          new ChainedScheduler(
              of, List.of(new ExponentialLR(of, gamma), new CosineAnnealingLR(of, 11)));
      default -> new SWALR(of, 5, AnnealStrategy.COS, 0.02);
    };
  }

  /** Does the steps from one on, up to and without another. */
  public void steps(int from, int to) {
    for (int step = from; step < to; step++) {
      step(step);
    }
  }

  private void step(int step) {
    SplittableRandom random = recipe.random(step);
    int infinite = random.nextInt(4) == 0 ? random.nextInt(parameters.size()) : -1;
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i).restoreGradient();
      float[] gradient = values(recipe.sizes().get(i), scaler.scale(), random);
      if (i == infinite && gradient.length > 0) {
        gradient[random.nextInt(gradient.length)] = NONFINITE[random.nextInt(NONFINITE.length)];
      }
      parameter.copyGradientFrom(gradient);
      if (random.nextInt(8) == 0) {
        parameter.clearGradient();
      }
    }
    StepResult result = optimizer.step(options);
    skippedSteps += result.skipped() ? 1 : 0;
    if (updatesItself) {
      scaler.update();
    }
    if (schedule instanceof ReduceLROnPlateau plateau) {
      plateau.step(random.nextDouble());
    } else {
      schedule.step(result);
    }
  }

  /** Steps of this run that were skipped. */
  public int skippedSteps() {
    return skippedSteps;
  }

  /** What it takes to go on. */
  public Snapshot snapshot() {
    return new Snapshot(
        parameters.stream().map(Parameter::toArray).toList(),
        optimizer.stateDict(),
        schedule.stateDict(),
        average.stateDict(),
        scaler.stateDict());
  }

  /** Goes on from there. */
  public void load(Snapshot snapshot) {
    for (int i = 0; i < parameters.size(); i++) {
      parameters.get(i).copyFrom(snapshot.values().get(i));
    }
    optimizer.loadStateDict(snapshot.optimizer());
    schedule.loadStateDict(snapshot.schedule());
    average.loadStateDict(snapshot.average());
    scaler.loadStateDict(snapshot.scaler());
  }

  @Override
  public void close() {
    average.close();
    scaler.close();
    optimizer.close();
    parameters.forEach(Parameter::close);
  }
}
