package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class OptimizerTest {
  private static final Device DEVICE = Device.cpu(2);

  @AfterAll
  static void closeDevice() {
    DEVICE.close();
  }

  private static Parameter parameter(String name, float value, float gradient) {
    return Parameter.of(name, new float[] {value}).gradient(new float[] {gradient});
  }

  private static float value(Parameter parameter) {
    return parameter.data().getAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, 0);
  }

  @Test
  void trainsSeveralNetworksInOneOptimizerWithALearningRateEach() {
    List<Parameter> generator = List.of(parameter("g.w", 0, 1), parameter("g.b", 0, 1));
    List<Parameter> critic = List.of(parameter("c.w", 0, 1));
    try (SGD sgd =
        SGD.builder()
            .lr(0.5)
            .build(DEVICE, ParamGroup.of(generator), ParamGroup.of(critic).lr(0.25))) {
      sgd.step();
      assertEquals(-0.5f, value(generator.get(1)));
      assertEquals(-0.25f, value(critic.getFirst()));
      sgd.paramGroups().get(1).lr(1);
      sgd.step();
      assertEquals(-1, value(generator.get(1)));
      assertEquals(-1.25f, value(critic.getFirst()));
      assertEquals(0.5, sgd.defaults().get(HyperParameter.LR));
    }
  }

  @Test
  void trainsOnlyTheLayersItWasGiven() {
    Parameter frozen = parameter("frozen", 1, 1);
    Parameter head = parameter("head", 1, 1);
    try (Adam adam = Adam.builder().build(DEVICE, List.of(head))) {
      adam.step();
      assertEquals(1, value(frozen));
      assertTrue(value(head) < 1);
    }
  }

  @Test
  void skipsParametersWithoutAGradientAndDoesNotCountTheirSteps() {
    Parameter always = parameter("always", 0, 1);
    Parameter sometimes = parameter("sometimes", 0, 1);
    try (Adam adam = Adam.builder().build(DEVICE, List.of(always, sometimes))) {
      sometimes.clearGradient();
      adam.step();
      assertEquals(List.of(always), List.copyOf(adam.state().keySet()));
      sometimes.gradient(new float[] {1});
      adam.step();
      assertEquals(2, adam.state().get(always).step().orElseThrow());
      assertEquals(1, adam.state().get(sometimes).step().orElseThrow());
    }
  }

  @Test
  void zeroGradForgetsGradientsOrFillsThemWithZeros() {
    float[] gradient = {1};
    Parameter parameter = Parameter.of("p", new float[1]).gradient(gradient);
    try (SGD sgd = SGD.builder().lr(1).build(DEVICE, List.of(parameter))) {
      sgd.zeroGrad(false);
      assertArrayEquals(new float[] {0}, gradient);
      assertTrue(parameter.gradient().isPresent());
      gradient[0] = 1;
      sgd.zeroGrad();
      assertFalse(parameter.gradient().isPresent());
      sgd.step();
      assertEquals(0, value(parameter));
      parameter.gradient(gradient);
      sgd.step();
      assertEquals(-1, value(parameter));
    }
  }

  @Test
  void addsGroupsAndKeepsTheStateOfOthers() {
    Parameter first = parameter("first", 0, 1);
    Parameter second = parameter("second", 0, 1);
    try (Adam adam = Adam.builder().build(DEVICE, List.of(first))) {
      adam.step();
      adam.addParamGroup(ParamGroup.of(second).lr(0.1));
      adam.step();
      assertEquals(2, adam.state().get(first).step().orElseThrow());
      assertEquals(1, adam.state().get(second).step().orElseThrow());
      assertEquals(-0.1f, value(second), 1e-7f);
    }
  }

  @Test
  void refusesWhatIsGivenTwiceAndChangesNothing() {
    Parameter p = parameter("p", 0, 1);
    Parameter namesake = parameter("p", 0, 1);
    Parameter q = parameter("q", 0, 1);
    assertRefused(
        "SGD: a parameter must be given once, p[1] was given twice",
        () -> SGD.builder().build(DEVICE, List.of(p, p)));
    assertRefused(
        "SGD: a parameter must be given once, p[1] was given twice",
        () -> SGD.builder().build(DEVICE, ParamGroup.of(p), ParamGroup.of(q, p)));
    assertRefused(
        "SGD: names of parameters must differ, p was given twice",
        () -> SGD.builder().build(DEVICE, List.of(p, namesake)));
    try (SGD sgd = SGD.builder().lr(1).build(DEVICE, List.of(p))) {
      assertRefused(
          "SGD: a parameter must be given once, p[1] was given twice",
          () -> sgd.addParamGroup(ParamGroup.of(q, p)));
      ParamGroup joined = sgd.paramGroups().getFirst();
      assertThrows(IllegalStateException.class, () -> sgd.addParamGroup(joined));
      sgd.step();
      assertEquals(-1, value(p));
      assertEquals(0, value(q));
    }
  }

  @Test
  void refusesToBeEmpty() {
    assertRefused(
        "Adam: there must be at least one parameter, there was none",
        () -> Adam.builder().build(DEVICE, List.of()));
    assertRefused(
        "Adam: there must be at least one param group, there was none",
        () -> Adam.builder().build(DEVICE));
    assertRefused(
        "a param group must have at least one parameter, had none", () -> ParamGroup.of(List.of()));
  }

  private static void assertRefused(String message, Runnable action) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
  }

  @Test
  void turnsMomentumOnAndOffAsPyTorchDoes() {
    Parameter parameter = parameter("p", 0, 1);
    try (SGD sgd = SGD.builder().lr(1).dampening(0.5).build(DEVICE, List.of(parameter))) {
      ParamGroup group = sgd.paramGroups().getFirst();
      sgd.step(); // p = -1
      assertTrue(sgd.state().isEmpty());
      group.set(HyperParameter.MOMENTUM, 0.5);
      sgd.step(); // the buffer begins as the whole gradient: b = 1, p = -2
      assertEquals(-2, value(parameter));
      sgd.step(); // b = 0.5 + 0.5·1 = 1, p = -3
      group.set(HyperParameter.MOMENTUM, 0);
      sgd.step(); // p = -4
      group.set(HyperParameter.MOMENTUM, 1);
      sgd.step(); // b = 1 + 0.5·1 = 1.5, p = -5.5
      assertEquals(-5.5f, value(parameter));
      assertArrayEquals(
          new float[] {1.5f}, sgd.state().get(parameter).tensor("momentum_buffer").toArray());
    }
  }

  /** Three tensors, one of them large enough for two threads; gradients change with the step. */
  private static final class Model {
    final List<Parameter> parameters = new ArrayList<>();
    final List<float[]> values = new ArrayList<>();
    final List<float[]> gradients = new ArrayList<>();

    Model() {
      SplittableRandom random = new SplittableRandom(42);
      for (int size : new int[] {3, 70_001, 0}) {
        float[] data = new float[size];
        for (int i = 0; i < size; i++) {
          data[i] = (float) random.nextDouble(-1, 1);
        }
        values.add(data);
        gradients.add(new float[size]);
        parameters.add(Parameter.of("p" + parameters.size(), data).gradient(gradients.getLast()));
      }
    }

    void step(Optimizer optimizer, int step) {
      SplittableRandom random = new SplittableRandom(step);
      for (float[] gradient : gradients) {
        for (int i = 0; i < gradient.length; i++) {
          gradient[i] = (float) random.nextDouble(-1, 1);
        }
      }
      optimizer.step();
    }
  }

  private static List<Supplier<Optimizer.Builder<?, ?>>> builders() {
    return List.of(
        () -> SGD.builder().momentum(0.9).dampening(0.5),
        SGD::builder,
        () -> RMSprop.builder().momentum(0.9).centered(true),
        () -> Adam.builder().amsgrad(true).weightDecay(0.1),
        AdamW::builder);
  }

  @Test
  void resumesFromAStateDictBitForBit() {
    for (Supplier<Optimizer.Builder<?, ?>> builder : builders()) {
      for (int stop : new int[] {0, 1, 4}) {
        Model uninterrupted = new Model();
        try (Optimizer optimizer = builder.get().build(DEVICE, uninterrupted.parameters)) {
          for (int step = 0; step < 7; step++) {
            uninterrupted.step(optimizer, step);
          }
        }
        Model resumed = new Model();
        StateDict dict;
        try (Optimizer before = builder.get().build(DEVICE, resumed.parameters)) {
          for (int step = 0; step < stop; step++) {
            resumed.step(before, step);
          }
          dict = before.stateDict();
        }
        try (Optimizer after = builder.get().lr(0.125).build(DEVICE, resumed.parameters)) {
          after.loadStateDict(dict);
          for (int step = stop; step < 7; step++) {
            resumed.step(after, step);
          }
        }
        for (int i = 0; i < resumed.values.size(); i++) {
          assertArrayEquals(uninterrupted.values.get(i), resumed.values.get(i));
        }
      }
    }
  }

  @Test
  void refusesStateDictsThatDoNotFitAndChangesNothing() {
    Model model = new Model();
    try (Adam adam = Adam.builder().build(DEVICE, model.parameters);
        Adam amsgrad = Adam.builder().amsgrad(true).build(DEVICE, new Model().parameters);
        RMSprop other = RMSprop.builder().build(DEVICE, new Model().parameters);
        Adam groups =
            Adam.builder()
                .build(
                    DEVICE,
                    ParamGroup.of(parameter("p0", 0, 0)),
                    ParamGroup.of(parameter("p1", 0, 0)));
        Adam fewer = Adam.builder().build(DEVICE, List.of(parameter("p0", 0, 0)));
        Adam renamed =
            Adam.builder()
                .build(
                    DEVICE,
                    List.of(parameter("p0", 0, 0), parameter("x", 0, 0), parameter("p2", 0, 0)));
        Adam reshaped =
            Adam.builder()
                .build(
                    DEVICE,
                    List.of(parameter("p0", 0, 1), parameter("p1", 0, 1), parameter("p2", 0, 1)))) {
      model.step(adam, 1);
      reshaped.step();
      StateDict before = adam.stateDict();
      assertUnloadable("state dict must have the optimizer's 1 param groups, had 2", adam, groups);
      assertUnloadable(
          "param group 0 of the state dict must have the parameters [p0, p1, p2], had [p0]",
          adam,
          fewer);
      assertUnloadable(
          "param group 0 of the state dict must have the parameters [p0, p1, p2], had [p0, x, p2]",
          adam,
          renamed);
      assertUnloadable(
          "state exp_avg of p0 must be FLOAT32 of shape [3], was FLOAT32 of shape [1]",
          adam,
          reshaped);
      String foreign =
          assertThrows(IllegalArgumentException.class, () -> adam.loadStateDict(other.stateDict()))
              .getMessage();
      assertTrue(foreign.contains("must have the hyper-parameters [LR, "), foreign);
      // Settings of one kernel with the state of another.
      StateDict mixed = new StateDict(amsgrad.stateDict().paramGroups(), before.state());
      assertTrue(
          assertThrows(IllegalArgumentException.class, () -> adam.loadStateDict(mixed))
              .getMessage()
              .contains("max_exp_avg_sq"));
      StateDict after = adam.stateDict();
      assertEquals(before.paramGroups(), after.paramGroups());
      for (String name : before.state().keySet()) {
        assertArrayEquals(
            before.state().get(name).tensor("exp_avg").toArray(),
            after.state().get(name).tensor("exp_avg").toArray());
      }
    }
  }

  @Test
  void refusesStateThatCannotBeReadOrCounted() {
    Parameter p = parameter("p", 0, 1);
    Parameter q = parameter("q", 0, 1);
    try (Adam adam = Adam.builder().lr(0.25).build(DEVICE, List.of(p, q))) {
      adam.step();
      StateDict before = adam.stateDict();
      Arena arena = Arena.ofShared();
      MemorySegment freed = arena.allocate(4, 4);
      StateTensor readable =
          new StateTensor(DType.FLOAT32, List.of(1L), MemorySegment.ofArray(new float[] {9}));
      StateTensor unreadable = new StateTensor(DType.FLOAT32, List.of(1L), freed);
      arena.close();
      for (StateDict broken :
          List.of(
              withStateOf(before, "q", 77, readable, unreadable),
              withStateOf(before, "q", 0, readable, readable),
              withStateOf(before, "q", (1L << 53) + 1, readable, readable),
              withStateOf(before, "q", Long.MAX_VALUE, readable, readable))) {
        assertThrows(IllegalArgumentException.class, () -> adam.loadStateDict(broken));
        assertEquals(1, adam.state().get(q).step().orElseThrow());
        assertArrayEquals(
            before.state().get("q").tensor("exp_avg").toArray(),
            adam.state().get(q).tensor("exp_avg").toArray());
      }
      adam.loadStateDict(withStateOf(before, "q", 1L << 53, readable, readable));
      assertEquals(1L << 53, adam.state().get(q).step().orElseThrow());
    }
  }

  private static StateDict withStateOf(
      StateDict dict, String name, long step, StateTensor expAvg, StateTensor expAvgSq) {
    Map<String, ParameterState> state = new LinkedHashMap<>(dict.state());
    state.put(
        name,
        new ParameterState(
            OptionalLong.of(step), Map.of("exp_avg", expAvg, "exp_avg_sq", expAvgSq)));
    return new StateDict(dict.paramGroups(), state);
  }

  @Test
  void refusesImpossibleShapes() {
    MemorySegment four = MemorySegment.ofArray(new float[4]);
    MemorySegment none = MemorySegment.ofArray(new float[0]);
    assertThrows(
        IllegalArgumentException.class,
        () -> new StateTensor(DType.FLOAT32, List.of(-2L, -2L), four));
    assertThrows(
        IllegalArgumentException.class,
        () -> new StateTensor(DType.FLOAT32, List.of(1L << 62), none));
    assertThrows(
        IllegalArgumentException.class,
        () -> new StateTensor(DType.FLOAT32, List.of(1L << 62, 2L), none));
  }

  @Test
  void refusesParametersThatShareMemory() {
    float[] shared = new float[3];
    Parameter first = Parameter.of("first", FloatBuffer.wrap(shared, 0, 2));
    Parameter second = Parameter.of("second", FloatBuffer.wrap(shared, 1, 2));
    first.gradient(new float[2]);
    second.gradient(new float[2]);
    try (SGD sgd = SGD.builder().build(DEVICE, List.of(first, second))) {
      assertEquals(
          "parameters must not share memory, but the data of first overlaps the data of second",
          assertThrows(IllegalStateException.class, sgd::step).getMessage());
      assertThrows(IllegalStateException.class, sgd::step);
      second.clearGradient();
      sgd.step();
    }
    Parameter third = Parameter.of("third", new float[2]).gradient(new float[2]);
    Parameter fourth = parameter("fourth", 0, 1);
    try (SGD sgd = SGD.builder().build(DEVICE, List.of(third, fourth))) {
      sgd.step();
      third.gradient(FloatBuffer.wrap(new float[2]));
      sgd.step();
      fourth.gradient(third.data().asSlice(4, 4));
      assertEquals(
          "parameters must not share memory, but the data of third overlaps the gradient of fourth",
          assertThrows(IllegalStateException.class, sgd::step).getMessage());
    }
  }

  @Test
  void letsGroupsGoWhenItCloses() {
    ParamGroup group = ParamGroup.of(parameter("p", 0, 1)).lr(1);
    SGD.builder().build(DEVICE, group).close();
    try (Adam adam = Adam.builder().build(DEVICE, ParamGroup.of(group.parameters()))) {
      adam.step();
    }
    try (SGD again = SGD.builder().build(DEVICE, group)) {
      again.step();
      assertEquals(1, again.paramGroups().getFirst().lr());
    }
  }

  private static void assertUnloadable(String message, Optimizer optimizer, Optimizer source) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class, () -> optimizer.loadStateDict(source.stateDict()))
            .getMessage());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void allocatesNothingWhileNothingChanges(int threads) {
    ThreadMXBean threadsBean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long self = Thread.currentThread().threadId();
    Model model = new Model();
    try (Device device = Device.cpu(threads);
        Adam adam = Adam.builder().build(device, model.parameters)) {
      ParamGroup group = adam.paramGroups().getFirst();
      for (int i = 0; i < 20_000; i++) { // until the JIT has compiled every call
        group.lr(1e-3 + i * 1e-9);
        adam.step();
      }
      long before = threadsBean.getThreadAllocatedBytes(self);
      for (int i = 0; i < 1_000; i++) {
        adam.step();
      }
      long steps = threadsBean.getThreadAllocatedBytes(self) - before;
      for (int i = 0; i < 1_000; i++) {
        group.lr(1e-3 + i * 1e-9);
        adam.step();
      }
      long withLearningRates = threadsBean.getThreadAllocatedBytes(self) - before - steps;
      // Now and then the measurement itself, or the JIT, leaves a few bytes; one object a step
      // would
      // leave 16,000.
      assertTrue(steps < 4_000, steps + " bytes in 1,000 steps");
      assertTrue(withLearningRates < 4_000, withLearningRates + " bytes in 1,000 steps");
    }
  }

  @Test
  void isUnusableAfterClose() {
    Parameter parameter = parameter("p", 0, 1);
    Adam adam = Adam.builder().build(DEVICE, List.of(parameter));
    adam.step();
    adam.close();
    adam.close();
    ParamGroup group = ParamGroup.of(parameter("q", 0, 1));
    for (Runnable use :
        List.<Runnable>of(
            adam::step,
            adam::zeroGrad,
            adam::state,
            adam::stateDict,
            () -> adam.addParamGroup(group))) {
      assertEquals(
          "the Adam optimizer is closed",
          assertThrows(IllegalStateException.class, use::run).getMessage());
    }
    assertEquals(1e-3f, -value(parameter), 1e-9f);
  }
}
