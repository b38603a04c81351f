package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every hyper-parameter of every optimizer, at and beyond the ends of its range. */
final class HyperParameterTest {
  private static final double INF = Double.POSITIVE_INFINITY;

  private record Rule(String name, Supplier<Optimizer.Builder<?, ?>> builder) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final List<Rule> RULES =
      List.of(
          new Rule("SGD", SGD::builder),
          new Rule("RMSprop", RMSprop::builder),
          new Rule("Adam", Adam::builder),
          new Rule("AdamW", AdamW::builder));

  static Stream<Arguments> illegalValues() {
    List<Arguments> cases = new ArrayList<>();
    for (Rule rule : RULES) {
      for (HyperParameter hyperParameter : defaults(rule).keySet()) {
        for (double value : illegal(hyperParameter)) {
          cases.add(Arguments.of(rule, hyperParameter, value));
        }
      }
    }
    return cases.stream();
  }

  private static java.util.Map<HyperParameter, Double> defaults(Rule rule) {
    try (Device device = Device.cpu(1);
        Optimizer optimizer = rule.builder().get().build(device, List.of(parameter("p")))) {
      return optimizer.defaults();
    }
  }

  private static double[] illegal(HyperParameter hyperParameter) {
    return switch (hyperParameter) {
      case LR, MOMENTUM, WEIGHT_DECAY, EPS ->
          new double[] {-1, -Double.MIN_VALUE, 3.5e38, INF, -INF, Double.NaN};
      case DAMPENING -> new double[] {-3.5e38, 3.5e38, INF, -INF, Double.NaN};
      case ALPHA, BETA1, BETA2 ->
          new double[] {-1, -Double.MIN_VALUE, 1, 1.5, INF, -INF, Double.NaN};
      case NESTEROV, CENTERED, AMSGRAD, MAXIMIZE, DECOUPLED_WEIGHT_DECAY ->
          new double[] {-1, 0.5, 2, INF, Double.NaN};
    };
  }

  private static Parameter parameter(String name) {
    return Parameter.of(name, new float[] {1, 2}).gradient(new float[] {3, 4});
  }

  @ParameterizedTest
  @MethodSource("illegalValues")
  void refusesIllegalValuesEverywhereAndChangesNothing(
      Rule rule, HyperParameter hyperParameter, double value) {
    assertNamed(
        rule.name(), hyperParameter, value, () -> rule.builder().get().set(hyperParameter, value));
    try (Device device = Device.cpu(1);
        Optimizer optimizer = rule.builder().get().build(device, List.of(parameter("p")))) {
      ParamGroup group = optimizer.paramGroups().getFirst();
      double before = group.get(hyperParameter);
      assertNamed(rule.name(), hyperParameter, value, () -> group.set(hyperParameter, value));
      assertEquals(before, group.get(hyperParameter));

      ParamGroup second = ParamGroup.of(parameter("q"));
      assertNamed("param group", hyperParameter, value, () -> second.set(hyperParameter, value));

      StateDict.Group saved = optimizer.stateDict().paramGroups().getFirst();
      java.util.Map<HyperParameter, Double> broken =
          new java.util.EnumMap<>(saved.hyperParameters());
      broken.put(hyperParameter, value);
      StateDict dict =
          new StateDict(
              List.of(new StateDict.Group(broken, saved.parameters())), java.util.Map.of());
      assertNamed(rule.name(), hyperParameter, value, () -> optimizer.loadStateDict(dict));
      assertEquals(before, group.get(hyperParameter));
    }
  }

  private static void assertNamed(
      String owner, HyperParameter hyperParameter, double value, Runnable action) {
    String message =
        assertThrows(IllegalArgumentException.class, action::run, hyperParameter::key).getMessage();
    assertTrue(message.startsWith(owner + ": " + hyperParameter.key() + " must be "), message);
    assertTrue(message.endsWith("was " + value), message);
  }

  @Test
  void acceptsTheEndsOfEachRange() {
    for (Rule rule : RULES) {
      for (HyperParameter hyperParameter : defaults(rule).keySet()) {
        double[] legal =
            switch (hyperParameter) {
              case LR, MOMENTUM, WEIGHT_DECAY, EPS -> new double[] {0, Float.MAX_VALUE};
              case DAMPENING -> new double[] {-Float.MAX_VALUE, 0, Float.MAX_VALUE};
              case ALPHA, BETA1, BETA2 -> new double[] {0, Math.nextDown(1.0)};
              default -> new double[] {0, 1};
            };
        for (double value : legal) {
          rule.builder().get().set(hyperParameter, value);
        }
      }
    }
  }

  @Test
  void refusesHyperParametersOfOtherRules() {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> Adam.builder().set(HyperParameter.MOMENTUM, 0.9))
            .getMessage();
    assertTrue(message.startsWith("Adam has no hyper-parameter momentum; it has [lr, "), message);
    try (Device device = Device.cpu(1);
        SGD sgd = SGD.builder().build(device, List.of(parameter("p")))) {
      ParamGroup group = sgd.paramGroups().getFirst();
      assertThrows(IllegalArgumentException.class, () -> group.set(HyperParameter.BETA1, 0.5));
      assertThrows(IllegalArgumentException.class, () -> group.get(HyperParameter.BETA1));
      ParamGroup foreign = ParamGroup.of(parameter("q")).set(HyperParameter.ALPHA, 0.5);
      assertThrows(IllegalArgumentException.class, () -> sgd.addParamGroup(foreign));
      assertEquals(1, sgd.paramGroups().size());
    }
  }

  @Test
  void refusesNesterovWithoutMomentumOrWithDampening() {
    try (Device device = Device.cpu(1)) {
      List<Parameter> parameters = List.of(parameter("p"));
      assertThrows(
          IllegalArgumentException.class,
          () -> SGD.builder().nesterov(true).build(device, parameters));
      assertThrows(
          IllegalArgumentException.class,
          () ->
              SGD.builder().nesterov(true).momentum(0.9).dampening(0.1).build(device, parameters));
      try (SGD sgd = SGD.builder().nesterov(true).momentum(0.9).build(device, parameters)) {
        ParamGroup group = sgd.paramGroups().getFirst();
        assertThrows(IllegalArgumentException.class, () -> group.set(HyperParameter.MOMENTUM, 0));
        assertEquals(0.9, group.get(HyperParameter.MOMENTUM));
      }
    }
  }

  @Test
  void keepsAdamAndAdamWApart() {
    try (Device device = Device.cpu(1)) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  AdamW.builder()
                      .set(HyperParameter.DECOUPLED_WEIGHT_DECAY, 0)
                      .build(device, List.of(parameter("p"))));
      assertEquals(
          "AdamW: decoupled_weight_decay must be true, was false; Adam and AdamW differ in it",
          refused.getMessage());
    }
  }
}
