package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.LoadOptions.Matching;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** How a state dict finds its way into an optimizer that is not quite the one it came from. */
final class LoadStateDictTest {
  private static final Device DEVICE = Device.cpu(1);
  private static final LoadOptions LENIENT = LoadOptions.defaults().strict(false);
  private static final LoadOptions BY_POSITION = LoadOptions.defaults().matching(Matching.POSITION);
  private static final LoadOptions CONVERTING = LoadOptions.defaults().convertDtypes(true);

  @AfterAll
  static void closeDevice() {
    DEVICE.close();
  }

  /** A parameter of as many elements as its name has letters. */
  private static Parameter parameter(String name) {
    float[] gradient = new float[name.length()];
    for (int i = 0; i < gradient.length; i++) {
      gradient[i] = name.charAt(i) / 64f + i;
    }
    return Parameter.of(name, new float[name.length()]).gradient(gradient);
  }

  private static Adam adam(double lr, String... groups) {
    return adam(Adam.builder().lr(lr), groups);
  }

  /** Each group is the names of its parameters, with a space between. */
  private static Adam adam(Adam.Builder builder, String... groups) {
    List<ParamGroup> all = new ArrayList<>();
    for (String names : groups) {
      List<Parameter> parameters = new ArrayList<>();
      for (String name : List.of(names.split(" "))) {
        parameters.add(parameter(name));
      }
      all.add(ParamGroup.of(parameters));
    }
    return builder.build(DEVICE, all.toArray(ParamGroup[]::new));
  }

  /** The dict of an optimizer that was stepped so often. */
  private static StateDict dict(int steps, double lr, String... groups) {
    try (Adam adam = adam(lr, groups)) {
      for (int step = 0; step < steps; step++) {
        adam.step();
      }
      return adam.stateDict();
    }
  }

  private static StateDict withState(
      StateDict dict, String name, UnaryOperator<ParameterState> change) {
    Map<String, ParameterState> state = new LinkedHashMap<>(dict.state());
    state.put(name, change.apply(state.get(name)));
    return new StateDict(dict.paramGroups(), state);
  }

  private static UnaryOperator<ParameterState> without(String array) {
    return state -> {
      Map<String, StateTensor> tensors = new LinkedHashMap<>(state.tensors());
      tensors.remove(array);
      return new ParameterState(state.step(), tensors);
    };
  }

  private static UnaryOperator<ParameterState> with(String array, StateTensor tensor) {
    return state -> {
      Map<String, StateTensor> tensors = new LinkedHashMap<>(state.tensors());
      tensors.put(array, tensor);
      return new ParameterState(state.step(), tensors);
    };
  }

  private static StateTensor doubles(double... values) {
    return new StateTensor(
        DType.FLOAT64, List.of((long) values.length), MemorySegment.ofArray(values));
  }

  private static void assertState(
      StateDict expected, String source, Optimizer optimizer, String name) {
    ParameterState from = expected.state().get(source);
    ParameterState to = optimizer.stateDict().state().get(name);
    assertEquals(from.step(), to.step());
    assertEquals(from.tensors().keySet(), to.tensors().keySet());
    from.tensors()
        .forEach(
            (array, tensor) ->
                assertArrayEquals(tensor.toArray(), to.tensor(array).toArray(), array));
  }

  /** What must be the same before and after a load that was refused. */
  private static List<Object> everything(Optimizer optimizer) {
    List<Object> all = new ArrayList<>();
    StateDict dict = optimizer.stateDict();
    all.add(dict.paramGroups());
    dict.state()
        .forEach(
            (name, state) -> {
              all.add(name);
              all.add(state.step());
              state
                  .tensors()
                  .forEach(
                      (array, tensor) -> {
                        all.add(array);
                        for (float value : tensor.toArray()) {
                          all.add(value);
                        }
                      });
            });
    return all;
  }

  private static void assertRefused(
      String message, Optimizer optimizer, StateDict dict, LoadOptions options) {
    List<Object> before = everything(optimizer);
    Exception thrown =
        assertThrows(IllegalArgumentException.class, () -> optimizer.loadStateDict(dict, options));
    assertTrue(thrown.getMessage().contains(message), thrown::getMessage);
    assertEquals(before, everything(optimizer));
  }

  @Test
  void theDefaultsAreByNameStrictAndWithoutConversion() {
    StateDict saved = dict(2, 0.5, "aa bbb", "c");
    try (Adam adam = adam(0.1, "bbb aa", "c")) {
      LoadReport report = adam.loadStateDict(saved, LoadOptions.defaults());
      assertTrue(report.isComplete());
      assertState(saved, "aa", adam, "aa");
      assertState(saved, "bbb", adam, "bbb");
      assertEquals(0.5, adam.paramGroups().getFirst().lr());
    }
    assertEquals(new LoadOptions(Matching.NAME, true, false), LoadOptions.defaults());
  }

  @Test
  void byPositionNamesMeanNothing() {
    StateDict saved = dict(3, 0.5, "aa bb", "cc");
    try (Adam adam = adam(0.1, "bb x1", "aa")) {
      adam.step();
      assertTrue(adam.loadStateDict(saved, BY_POSITION).isComplete());
      assertState(saved, "aa", adam, "bb");
      assertState(saved, "bb", adam, "x1");
      assertState(saved, "cc", adam, "aa");
      assertEquals(List.of("bb", "x1"), adam.stateDict().paramGroups().getFirst().parameters());
      assertEquals(0.5, adam.paramGroups().getLast().lr());
    }
  }

  @Test
  void byPositionAnotherNumberOfPlacesIsRefused() {
    try (Adam adam = adam(0.1, "aa bb", "cc")) {
      adam.step();
      assertRefused(
          "state dict must have the optimizer's 2 param groups, had 1",
          adam,
          dict(1, 1, "aa bb cc"),
          BY_POSITION);
      assertRefused(
          "param group 0 of the state dict must have 2 parameters, had 1",
          adam,
          dict(1, 1, "aa", "bb cc"),
          BY_POSITION);
      StateDict stray = dict(1, 1, "ax bx", "cx");
      Map<String, ParameterState> state = new LinkedHashMap<>(stray.state());
      state.put("aa", state.get("ax"));
      assertRefused(
          "state dict must have state of its groups' parameters only, had [aa]",
          adam,
          new StateDict(stray.paramGroups(), state),
          BY_POSITION);
    }
  }

  @Test
  void byPositionAnotherShapeIsRefused() {
    try (Adam adam = adam(0.1, "aa bbb")) {
      adam.step();
      for (LoadOptions options : List.of(BY_POSITION, BY_POSITION.strict(false))) {
        assertRefused(
            "state exp_avg of aa must be FLOAT32 of shape [2], was FLOAT32 of shape [3]",
            adam,
            dict(1, 1, "ccc dd"),
            options);
      }
    }
  }

  /** As many elements, in another order. */
  @Test
  void shapesThatAreSwappedAreRefused() {
    StateDict state;
    try (Adam adam = shaped(2, 3)) {
      adam.step();
      state = adam.stateDict();
    }
    try (Adam adam = shaped(3, 2)) {
      for (LoadOptions options : List.of(LoadOptions.defaults(), BY_POSITION)) {
        assertRefused(
            "state exp_avg of w must be FLOAT32 of shape [3, 2], was FLOAT32 of shape [2, 3]",
            adam,
            state,
            options);
      }
    }
  }

  private static Adam shaped(long... shape) {
    return Adam.builder()
        .build(
            DEVICE,
            List.of(
                Parameter.of("w", new float[6], shape).gradient(new float[] {1, 1, 1, 1, 1, 1})));
  }

  /** Master weights would have been written to the first. */
  @Test
  void aParameterThatIsClosedIsNoticedBeforeAnythingIsLoaded() {
    Parameter first = Parameter.allocate(DEVICE, DType.BFLOAT16, "first", 1);
    Parameter second = Parameter.allocate(DEVICE, DType.BFLOAT16, "second", 1);
    try (AdamW adamw =
        AdamW.builder()
            .masterWeights(MasterWeights.FLOAT32)
            .build(DEVICE, List.of(first, second))) {
      first.copyGradientFrom(new float[] {1});
      second.copyGradientFrom(new float[] {1});
      adamw.step();
      StateDict state = adamw.stateDict();
      adamw.step();
      float[] values = first.toArray();
      float[] moment = adamw.state().get(first).tensors().get("exp_avg").toArray();
      second.close();
      assertThrows(IllegalStateException.class, () -> adamw.loadStateDict(state));
      assertArrayEquals(values, first.toArray());
      assertArrayEquals(moment, adamw.state().get(first).tensors().get("exp_avg").toArray());
    } finally {
      first.close();
    }
  }

  @Test
  void aNameThatIsThereTwiceIsRefused() {
    StateDict once = dict(1, 1, "aa", "bb");
    StateDict.Group group = once.paramGroups().getFirst();
    StateDict twice = new StateDict(List.of(group, group), once.state());
    try (Adam adam = adam(0.1, "aa", "bb")) {
      for (Matching matching : Matching.values()) {
        for (boolean strict : new boolean[] {true, false}) {
          assertRefused(
              "state dict must have each parameter once, had aa twice",
              adam,
              twice,
              new LoadOptions(matching, strict, false));
        }
      }
    }
  }

  @Test
  void whatIsMissingOrUnexpectedIsReportedAndAllElseIsLoaded() {
    StateDict saved = dict(4, 0.5, "both old", "away");
    try (Adam adam = adam(0.1, "both new")) {
      adam.step();
      assertRefused("state dict must have the optimizer's 1", adam, saved, LoadOptions.defaults());
      StateDict before = adam.stateDict();
      LoadReport report = adam.loadStateDict(saved, LENIENT);
      assertEquals(
          new LoadReport(
              List.of(), List.of(1), List.of("new"), List.of("old", "away"), Map.of(), Map.of()),
          report);
      assertFalse(report.isComplete());
      assertState(saved, "both", adam, "both");
      assertState(before, "new", adam, "new");
      assertEquals(0.5, adam.paramGroups().getFirst().lr());
    }
  }

  @Test
  void aGroupThatTheDictLacksKeepsItsSettings() {
    StateDict saved = dict(4, 0.5, "trunk");
    try (Adam adam = adam(0.1, "trunk", "head")) {
      assertEquals(
          new LoadReport(List.of(1), List.of(), List.of("head"), List.of(), Map.of(), Map.of()),
          adam.loadStateDict(saved, LENIENT));
      assertEquals(0.5, adam.paramGroups().getFirst().lr());
      assertEquals(0.1, adam.paramGroups().getLast().lr());
      adam.step();
      assertEquals(OptionalLong.of(5), adam.stateDict().state().get("trunk").step());
      assertEquals(OptionalLong.of(1), adam.stateDict().state().get("head").step());
    }
  }

  @Test
  void lenientlyANameIsFoundInAnyGroup() {
    StateDict saved = dict(2, 0.5, "aa", "bb");
    try (Adam adam = adam(0.1, "bb", "aa")) {
      assertRefused("param group 0 of the state dict", adam, saved, LoadOptions.defaults());
      assertTrue(adam.loadStateDict(saved, LENIENT).isComplete());
      assertState(saved, "aa", adam, "aa");
      assertState(saved, "bb", adam, "bb");
    }
  }

  @Test
  void lenientlyByPositionPlacesBeyondTheOthersAreReported() {
    StateDict saved = dict(2, 0.5, "aa bb", "cc");
    try (Adam adam = adam(0.1, "xx", "yy zz")) {
      assertEquals(
          new LoadReport(List.of(), List.of(), List.of("zz"), List.of("bb"), Map.of(), Map.of()),
          adam.loadStateDict(saved, BY_POSITION.strict(false)));
      assertState(saved, "aa", adam, "xx");
      assertState(saved, "cc", adam, "yy");
    }
  }

  @ParameterizedTest
  @EnumSource
  void aParameterThatTheDictNamesWithoutStateStartsAfresh(Matching matching) {
    StateDict saved = dict(0, 0.5, "aa");
    try (Adam adam = adam(0.1, "aa")) {
      for (boolean strict : new boolean[] {true, false}) {
        adam.step();
        assertTrue(
            adam.loadStateDict(saved, new LoadOptions(matching, strict, false)).isComplete());
        assertTrue(adam.state().isEmpty());
      }
    }
  }

  @Test
  void anArrayThatASettingAddsIsReportedAndBeginsAtZero() {
    StateDict plain = dict(3, 0.5, "aa bb");
    StateDict amsgrad;
    try (Adam adam = adam(Adam.builder().amsgrad(true), "aa bb")) {
      amsgrad = new StateDict(adam.stateDict().paramGroups(), plain.state());
    }
    try (Adam adam = adam(0.1, "aa bb")) {
      adam.paramGroups().getFirst().set(HyperParameter.AMSGRAD, true);
      adam.step(); // leaves an array that the load must empty
      assertRefused("max_exp_avg_sq", adam, amsgrad, LoadOptions.defaults());
      assertEquals(
          Map.of("aa", List.of("max_exp_avg_sq"), "bb", List.of("max_exp_avg_sq")),
          adam.loadStateDict(amsgrad, LENIENT).missingState());
      ParameterState state = adam.stateDict().state().get("aa");
      assertEquals(OptionalLong.of(3), state.step());
      assertArrayEquals(new float[2], state.tensor("max_exp_avg_sq").toArray());
      assertArrayEquals(
          plain.state().get("aa").tensor("exp_avg").toArray(), state.tensor("exp_avg").toArray());
    }
  }

  @Test
  void aMomentThatIsGoneIsReportedAndItsParameterStartsAfresh() {
    StateDict broken = withState(dict(9, 0.5, "aa bb"), "aa", without("exp_avg_sq"));
    try (Adam adam = adam(0.1, "aa bb")) {
      adam.step();
      assertEquals(
          Map.of("aa", List.of("exp_avg_sq")), adam.loadStateDict(broken, LENIENT).missingState());
      assertFalse(adam.stateDict().state().containsKey("aa"));
      assertState(broken, "bb", adam, "bb");
    }
  }

  @Test
  void anArrayOfAForeignNameIsReportedAndLeftOut() {
    StateDict saved =
        withState(dict(2, 0.5, "aa"), "aa", with("velocity", doubles(1, 2, 3))); // of any shape
    try (Adam adam = adam(0.1, "aa")) {
      assertRefused("state of aa must be among", adam, saved, LoadOptions.defaults());
      assertEquals(
          Map.of("aa", List.of("velocity")), adam.loadStateDict(saved, LENIENT).unexpectedState());
      assertEquals(2, adam.stateDict().state().get("aa").tensors().size());
    }
  }

  @Test
  void settingsShapesTypesAndStepsAreCheckedLenientlyToo() {
    StateDict saved = dict(2, 0.5, "aa", "bb");
    StateDict.Group group = saved.paramGroups().getFirst();
    Map<HyperParameter, Double> bad = new LinkedHashMap<>(group.hyperParameters());
    bad.put(HyperParameter.BETA1, 1.0);
    Map<HyperParameter, Double> fewer = new LinkedHashMap<>(group.hyperParameters());
    fewer.remove(HyperParameter.EPS);
    StateDict.Group last = saved.paramGroups().getLast();
    try (Adam adam = adam(0.1, "aa", "bb")) {
      adam.step();
      for (LoadOptions options : List.of(LENIENT, LENIENT.matching(Matching.POSITION))) {
        assertRefused(
            "beta1 must be in [0, 1), was 1.0",
            adam,
            new StateDict(
                List.of(group, new StateDict.Group(bad, last.parameters())), saved.state()),
            options);
        assertRefused(
            "must have the hyper-parameters",
            adam,
            new StateDict(
                List.of(group, new StateDict.Group(fewer, last.parameters())), saved.state()),
            options);
        assertRefused(
            "must be FLOAT32 of shape [2], was FLOAT64 of shape [2]",
            adam,
            withState(saved, "bb", with("exp_avg", doubles(1, 2))),
            options);
        assertRefused(
            "must be FLOAT32 of shape [2], was FLOAT64 of shape [3]",
            adam,
            withState(saved, "bb", with("exp_avg", doubles(1, 2, 3))),
            options.convertDtypes(true));
        assertRefused(
            "step of bb must be in [1, 2^53]",
            adam,
            withState(
                saved, "bb", state -> new ParameterState(OptionalLong.of(0), state.tensors())),
            options);
      }
    }
  }

  @Test
  void anotherTypeIsRoundedToNearestIfAskedFor() {
    double third = 1.0 / 3;
    StateDict saved = withState(dict(2, 0.5, "aa"), "aa", with("exp_avg", doubles(third, -1e-50)));
    StateTensor halves =
        new StateTensor(
            DType.FLOAT16, List.of(2L), MemorySegment.ofArray(new short[] {0x3C01, 0x0001}));
    saved = withState(saved, "aa", with("exp_avg_sq", halves));
    try (Adam adam = adam(0.1, "aa")) {
      adam.step();
      assertRefused("must be FLOAT32", adam, saved, LoadOptions.defaults());
      assertTrue(adam.loadStateDict(saved, CONVERTING).isComplete());
      ParameterState state = adam.stateDict().state().get("aa");
      assertArrayEquals(new float[] {(float) third, -0f}, state.tensor("exp_avg").toArray());
      assertArrayEquals(new float[] {1 + 0x1p-10f, 0x1p-24f}, state.tensor("exp_avg_sq").toArray());
      assertEquals(OptionalLong.of(2), state.step());
    }
  }

  @Test
  void aNumberThatTheTypeCannotHoldIsRefused() {
    StateDict saved = withState(dict(2, 0.5, "aa"), "aa", with("exp_avg", doubles(1, 1e39)));
    try (Adam adam = adam(0.1, "aa")) {
      adam.step();
      assertRefused(
          "state exp_avg of aa must be finite in FLOAT32, was 1.0E39 at element 1",
          adam,
          saved,
          CONVERTING);
      StateDict infinite =
          withState(saved, "aa", with("exp_avg", doubles(Double.NaN, Double.NEGATIVE_INFINITY)));
      adam.loadStateDict(infinite, CONVERTING);
      assertArrayEquals(
          new float[] {Float.NaN, Float.NEGATIVE_INFINITY},
          adam.stateDict().state().get("aa").tensor("exp_avg").toArray());
    }
  }
}
