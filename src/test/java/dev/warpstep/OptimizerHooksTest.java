package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What runs before and after steps, saves and loads. */
class OptimizerHooksTest {
  private final List<String> calls = new ArrayList<>();
  private Device device;
  private float[] values;
  private float[] gradient;
  private SGD sgd;
  private OptimizerHooks hooks;

  @BeforeEach
  void open() {
    device = Device.cpu(1);
    values = new float[] {1};
    gradient = new float[] {1};
    sgd =
        SGD.builder().lr(0.5).build(device, List.of(Parameter.of("p", values).gradient(gradient)));
    hooks = sgd.hooks();
  }

  @AfterEach
  void close() {
    sgd.close();
    device.close();
  }

  private void log(String call, Optimizer optimizer) {
    assertSame(sgd, optimizer);
    calls.add(call + " " + values[0]);
  }

  private static UnsupportedOperationException failure() {
    return new UnsupportedOperationException("hook");
  }

  @Test
  @SuppressWarnings("try") // the handle's end is what is tested
  void stepHooksRunInTheOrderOfTheirRegistrationUntilTheyAreRemoved() {
    HookHandle first =
        hooks.registerStepPreHook(
            (optimizer, options) -> {
              log("first", optimizer);
              return options;
            });
    hooks.registerStepPostHook((optimizer, result) -> log("after", optimizer));
    try (HookHandle second =
        hooks.registerStepPreHook(
            (optimizer, options) -> {
              log("second", optimizer);
              return options;
            })) {
      sgd.step();
    }
    assertEquals(List.of("first 1.0", "second 1.0", "after 0.5"), calls);
    calls.clear();
    sgd.step(StepOptions.none());
    assertEquals(List.of("first 0.5", "after 0.0"), calls);
    calls.clear();
    first.remove();
    first.remove();
    sgd.step();
    assertEquals(List.of("after -0.5"), calls);
  }

  @Test
  void whatAPreHookChangesCountsForTheStep() {
    hooks.registerStepPreHook(
        (optimizer, options) -> {
          gradient[0] = 4;
          optimizer.paramGroups().getFirst().lr(0.25);
          return options;
        });
    sgd.step();
    assertEquals(0, values[0]);
  }

  @Test
  void aPreHookMayReplaceTheOptions() {
    StepOptions halved = StepOptions.builder().gradientScale(2).build();
    HookHandle handle = hooks.registerStepPreHook((optimizer, options) -> halved);
    sgd.step();
    assertEquals(0.75f, values[0]);
    assertEquals(2, sgd.step(StepOptions.none()).scale());
    handle.remove();
    hooks.registerStepPreHook((optimizer, options) -> null);
    assertThrows(NullPointerException.class, sgd::step);
    assertEquals(0.5f, values[0]);
  }

  @Test
  void aPostHookGetsTheResultAlsoOfAStepThatWasSkipped() {
    List<Boolean> skipped = new ArrayList<>();
    hooks.registerStepPostHook((optimizer, result) -> skipped.add(result.skipped()));
    try (GradScaler scaler = GradScaler.builder().build(device)) {
      StepOptions options = StepOptions.builder().gradScaler(scaler).build();
      sgd.step(options);
      gradient[0] = Float.NaN;
      sgd.step(options);
    }
    assertEquals(List.of(false, true), skipped);
  }

  @Test
  void aStepThatAPreHookRefusesDidNotHappen() {
    hooks.registerStepPostHook((optimizer, result) -> log("after", optimizer));
    HookHandle refusal =
        hooks.registerStepPreHook(
            (optimizer, options) -> {
              throw failure();
            });
    try (GradScaler scaler = GradScaler.builder().build(device)) {
      StepOptions options = StepOptions.builder().gradScaler(scaler, false).build();
      assertThrows(UnsupportedOperationException.class, () -> sgd.step(options));
      assertThrows(UnsupportedOperationException.class, sgd::step);
      assertArrayEquals(new float[] {1}, values);
      assertEquals(List.of(), calls);
      refusal.remove();
      assertEquals(1, sgd.step(options).appliedSteps());
    }
  }

  @Test
  void aStepIsDoneWhenAPostHookFails() {
    hooks.registerStepPostHook(
        (optimizer, result) -> {
          throw failure();
        });
    hooks.registerStepPostHook((optimizer, result) -> log("after", optimizer));
    assertThrows(UnsupportedOperationException.class, sgd::step);
    assertArrayEquals(new float[] {0.5f}, values);
    assertEquals(List.of(), calls);
  }

  @Test
  void stepHooksRunAroundEachReplayAndNotInACapture() {
    hooks.registerStepPreHook(
        (optimizer, options) -> {
          log("before", optimizer);
          return options;
        });
    hooks.registerStepPostHook((optimizer, result) -> log("after", optimizer));
    try (StepGraph graph = sgd.capture(StepOptions.none())) {
      assertEquals(List.of(), calls);
      graph.replay();
      graph.replay();
      assertEquals(List.of("before 1.0", "after 0.5", "before 0.5", "after 0.0"), calls);
      StepOptions others = StepOptions.builder().clipValue(1).build();
      hooks.registerStepPreHook((optimizer, options) -> others);
      assertThrows(IllegalStateException.class, graph::replay);
      assertEquals(0, values[0]);
    }
  }

  @Test
  void hooksMayComeAndGoWhileTheyRun() {
    List<HookHandle> own = new ArrayList<>();
    own.add(
        hooks.registerStepPostHook(
            (optimizer, result) -> {
              log("once", optimizer);
              own.getFirst().remove();
              hooks.registerStepPostHook((o, r) -> log("later", o));
            }));
    sgd.step();
    sgd.step();
    assertEquals(List.of("once 0.5", "later 0.0"), calls);
  }

  @Test
  void savesRunTheirHooksAndGiveTheCallerWhatTheyReturn() {
    StateDict empty = new StateDict(List.of(), Map.of());
    hooks.registerStateDictPreHook(optimizer -> log("second", optimizer));
    hooks.registerStateDictPreHook(optimizer -> log("first", optimizer), true);
    hooks.registerStateDictPreHook(optimizer -> optimizer.paramGroups().getFirst().lr(8));
    hooks.registerStateDictPostHook(
        (optimizer, dict) -> {
          assertSame(empty, dict);
          log("last", optimizer);
          return dict;
        });
    hooks.registerStateDictPostHook(
        (optimizer, dict) -> {
          assertEquals(8, dict.paramGroups().getFirst().hyperParameters().get(HyperParameter.LR));
          return empty;
        },
        true);
    assertSame(empty, sgd.stateDict());
    assertEquals(List.of("first 1.0", "second 1.0", "last 1.0"), calls);
    hooks.registerStateDictPreHook(
        optimizer -> {
          throw failure();
        });
    assertThrows(UnsupportedOperationException.class, sgd::stateDict);
  }

  @Test
  void aLoadTakesTheDictThatItsPreHooksReturn() {
    StateDict good = sgd.stateDict();
    sgd.paramGroups().getFirst().lr(2);
    hooks.registerLoadStateDictPreHook(
        (optimizer, dict) -> {
          assertTrue(dict.paramGroups().isEmpty());
          log("first", optimizer);
          return good;
        },
        true);
    hooks.registerLoadStateDictPreHook(
        (optimizer, dict) -> {
          assertSame(good, dict);
          assertEquals(2, optimizer.paramGroups().getFirst().lr());
          log("second", optimizer);
          return dict;
        });
    hooks.registerLoadStateDictPostHook(
        optimizer -> {
          assertEquals(0.5, optimizer.paramGroups().getFirst().lr());
          log("last", optimizer);
        });
    hooks.registerLoadStateDictPostHook(optimizer -> log("after", optimizer), true);
    sgd.loadStateDict(new StateDict(List.of(), Map.of()));
    assertEquals(List.of("first 1.0", "second 1.0", "after 1.0", "last 1.0"), calls);
  }

  @Test
  void aLoadThatAPreHookRefusesChangesNothing() {
    StateDict good = sgd.stateDict();
    sgd.paramGroups().getFirst().lr(2);
    HookHandle refusal =
        hooks.registerLoadStateDictPreHook(
            (optimizer, dict) -> {
              throw failure();
            });
    hooks.registerLoadStateDictPostHook(optimizer -> log("after", optimizer));
    assertThrows(UnsupportedOperationException.class, () -> sgd.loadStateDict(good));
    assertEquals(2, sgd.paramGroups().getFirst().lr());
    refusal.remove();
    StateDict bad = new StateDict(List.of(), Map.of());
    assertThrows(IllegalArgumentException.class, () -> sgd.loadStateDict(bad));
    assertFalse(calls.contains("after 1.0"), "nothing was loaded");
    sgd.loadStateDict(good);
    assertEquals(0.5, sgd.paramGroups().getFirst().lr());
    assertEquals(List.of("after 1.0"), calls);
  }

  @Test
  void aClosedOptimizerRunsNone() {
    hooks.registerStepPreHook(
        (optimizer, options) -> {
          throw failure();
        });
    hooks.registerStateDictPreHook(
        optimizer -> {
          throw failure();
        });
    sgd.close();
    assertThrows(IllegalStateException.class, sgd::step);
    assertThrows(IllegalStateException.class, sgd::stateDict);
  }
}
