package dev.warpstep.backend.cuda;

import dev.warpstep.Adam;
import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.StateDict;
import dev.warpstep.StepGraph;
import dev.warpstep.StepOptions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * A program that does everything once: three parameters, two of them in memory of the caller, in
 * two groups that select different kernels.
 */
final class FaultScript implements AutoCloseable {
  /** What it does, in this order. Each may be repeated if it failed. */
  enum Action {
    OPEN,
    WRAP,
    ALLOCATE,
    WRITE,
    BUILD,
    FIRST_STEP,
    LATER_STEP,
    STEP_WITH_OTHER_RATE,
    STEP_WITH_MOVED_GRADIENT,
    STEP_WITHOUT_A_GRADIENT,
    SAVE,
    STEP_AFTER_SAVING,
    LOAD,
    STEP_AFTER_LOADING,
    FULL_STEP,
    LATER_FULL_STEP,
    REPLAY,
    READ,
    SYNCHRONIZE,
    CLOSE_OPTIMIZER,
    CLOSE_PARAMETER,
    CLOSE_DEVICE;

    /** Whether something is given back, be it an old plan. */
    boolean givesBack() {
      return name().startsWith("CLOSE") || this == STEP_WITHOUT_A_GRADIENT || this == REPLAY;
    }
  }

  /**
   * Values and state by parameter, as far as there are any.
   *
   * @param parameters by name: what (values, a state, step) to numbers
   */
  record Snapshot(Map<String, Map<String, List<Float>>> parameters) {
    Set<String> names() {
      return parameters.keySet();
    }

    Map<String, List<Float>> of(String name) {
      return parameters.get(name);
    }
  }

  private static final int SIZE = 300;

  private static final StepOptions FULL =
      StepOptions.builder().gradientScale(2).maxNorm(0.5).clipValue(0.01).build();

  private final CallersMemory memory = new CallersMemory();
  private final float[] values = random(SIZE, 1);
  private final float[] gradients = random(SIZE, 2);
  private final long a = memory.of(values);
  private final long b = memory.of(values);
  private final long gradient = memory.of(gradients);
  private final long otherGradient = memory.of(random(SIZE, 3));
  private final Map<Long, String> wrapped = new LinkedHashMap<>(Map.of(a, "a", b, "b"));
  private Optional<Device> device = Optional.empty();
  private List<Parameter> callers = List.of();
  private Optional<Parameter> own = Optional.empty();
  private Optional<Optimizer> optimizer = Optional.empty();
  private Optional<StateDict> saved = Optional.empty();
  private List<Float> read = List.of();

  private static float[] random(int size, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  void runBefore(Action end) {
    for (Action action : EnumSet.range(Action.OPEN, end)) {
      if (action != end) {
        run(action);
      }
    }
  }

  void runAfter(Action begin) {
    for (Action action : EnumSet.range(begin, Action.CLOSE_DEVICE)) {
      if (action != begin) {
        run(action);
      }
    }
  }

  void run(Action action) {
    switch (action) {
      case OPEN -> device = Optional.of(Device.cuda());
      case WRAP -> callers = List.of(wrap("a", a), wrap("b", b));
      case ALLOCATE -> own = Optional.of(Parameter.allocate(device.orElseThrow(), "own", SIZE));
      case WRITE -> {
        own.orElseThrow().copyFrom(values);
        own.orElseThrow().copyGradientFrom(gradients);
      }
      case BUILD ->
          optimizer =
              Optional.of(
                  Adam.builder()
                      .lr(0.1)
                      .build(
                          device.orElseThrow(),
                          ParamGroup.of(callers.get(0), own.orElseThrow())
                              .set(HyperParameter.AMSGRAD, true),
                          ParamGroup.of(callers.get(1))));
      case FIRST_STEP, LATER_STEP, STEP_AFTER_SAVING, STEP_AFTER_LOADING ->
          optimizer.orElseThrow().step();
      case STEP_WITH_OTHER_RATE -> {
        optimizer.orElseThrow().paramGroups().forEach(group -> group.lr(0.01));
        optimizer.orElseThrow().step();
      }
      case STEP_WITH_MOVED_GRADIENT -> {
        callers.forEach(parameter -> parameter.gradient(otherGradient));
        optimizer.orElseThrow().step();
      }
      case STEP_WITHOUT_A_GRADIENT -> {
        own.orElseThrow().clearGradient();
        optimizer.orElseThrow().step();
      }
      case SAVE -> saved = Optional.of(optimizer.orElseThrow().stateDict());
      case LOAD -> optimizer.orElseThrow().loadStateDict(saved.orElseThrow());
      case FULL_STEP, LATER_FULL_STEP -> optimizer.orElseThrow().step(FULL);
      case REPLAY -> {
        try (StepGraph graph = optimizer.orElseThrow().capture(FULL)) {
          graph.replay();
        }
      }
      case READ -> read = boxed(own.orElseThrow().toArray());
      case SYNCHRONIZE -> device.orElseThrow().synchronize();
      case CLOSE_OPTIMIZER -> {
        optimizer.orElseThrow().close();
        optimizer = Optional.empty();
      }
      case CLOSE_PARAMETER -> {
        own.orElseThrow().close();
        own = Optional.empty();
      }
      case CLOSE_DEVICE -> closeDevice();
    }
  }

  private Parameter wrap(String name, long address) {
    return Parameter.ofDeviceMemory(device.orElseThrow(), name, address, SIZE).gradient(gradient);
  }

  /** Everything that can be asked of the device by now. */
  List<Runnable> uses() {
    List<Runnable> uses = new ArrayList<>();
    device.ifPresent(
        open -> {
          uses.add(open::synchronize);
          uses.add(() -> Parameter.allocate(open, "another", 1));
          uses.add(() -> Parameter.ofDeviceMemory(open, "another", a, 1));
        });
    own.ifPresent(parameter -> uses.add(parameter::toArray));
    optimizer.ifPresent(
        built -> {
          uses.add(built::step);
          if (saved.isPresent()) {
            uses.add(built::stateDict);
            uses.add(() -> built.loadStateDict(saved.get()));
          }
        });
    return uses;
  }

  Snapshot snapshot() {
    Map<String, Map<String, List<Float>>> parameters = new LinkedHashMap<>();
    Map<String, List<Float>> empty = Map.of();
    if (device.isPresent()) {
      device.get().synchronize();
    }
    wrapped.forEach(
        (address, name) ->
            parameters
                .computeIfAbsent(name, missing -> new LinkedHashMap<>(empty))
                .put("values", boxed(memory.read(address, SIZE))));
    Map<String, List<Float>> ofOwn = new LinkedHashMap<>(Map.of("read", read));
    own.ifPresent(parameter -> ofOwn.put("values", boxed(parameter.toArray())));
    parameters.put("own", ofOwn);
    optimizer.ifPresent(built -> addState(built.stateDict(), "", parameters));
    saved.ifPresent(dict -> addState(dict, "saved ", parameters));
    return new Snapshot(parameters);
  }

  private static void addState(
      StateDict dict, String prefix, Map<String, Map<String, List<Float>>> parameters) {
    dict.state()
        .forEach(
            (name, state) -> {
              Map<String, List<Float>> of = parameters.get(name);
              of.put(prefix + "step", List.of((float) state.step().orElse(-1)));
              state
                  .tensors()
                  .forEach((key, tensor) -> of.put(prefix + key, boxed(tensor.toArray())));
            });
  }

  private static List<Float> boxed(float[] values) {
    List<Float> list = new ArrayList<>();
    for (float value : values) {
      list.add(value);
    }
    return list;
  }

  /** What the caller itself has of the driver. */
  Map<String, Long> callersOwn() {
    return Map.of("live_allocations", 4L, "retained_contexts", 1L);
  }

  /** Closes what is open, in the order that the documentation asks for. */
  void closeDevice() {
    optimizer.ifPresent(Optimizer::close);
    own.ifPresent(Parameter::close);
    device.ifPresent(Device::close);
    optimizer = Optional.empty();
    own = Optional.empty();
    device = Optional.empty();
  }

  @Override
  public void close() {
    closeDevice();
    memory.close();
  }
}
