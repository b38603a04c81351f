package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DeviceUnavailableException;
import dev.warpstep.backend.cuda.FaultScript.Action;
import dev.warpstep.backend.cuda.FaultScript.Snapshot;
import dev.warpstep.error.CudaUnavailableException;
import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceLostException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every call of the driver that an action makes fails in turn, once and for good. What must come of
 * it: a typed exception, values and state as before or named, the same bits when the action is
 * repeated, and nothing left in the driver.
 */
@OnCuda
class CudaFaultsTest {
  private static final List<Integer> CODES =
      List.of(
          CUresult.CUDA_ERROR_INVALID_VALUE,
          CUresult.CUDA_ERROR_OUT_OF_MEMORY,
          CUresult.CUDA_ERROR_LAUNCH_FAILED);

  /** What takes things back; where one of these fails, the thing stays with the driver. */
  private static final Set<String> GIVE_BACK =
      Set.of(
          "cuMemFree",
          "cuMemFreeHost",
          "cuEventDestroy",
          "cuStreamDestroy",
          "cuModuleUnload",
          "cuGraphDestroy",
          "cuGraphExecDestroy",
          "cuDevicePrimaryCtxRelease");

  private static final Pattern FAILED_CALL =
      Pattern.compile("^(cu\\w+?)(_v\\d)?( .*)? -> [1-9]\\d*$", Pattern.MULTILINE);
  private static final Pattern CAPTURE_BEGUN =
      Pattern.compile("^cuStreamBeginCapture.* -> 0$", Pattern.MULTILINE);
  private static final Pattern CAPTURE_ENDED =
      Pattern.compile("^cuStreamEndCapture.* -> 0$", Pattern.MULTILINE);
  private static final Pattern UPDATED = Pattern.compile("had updated \\[(.*)] before");
  private static final Pattern LOADED =
      Pattern.compile("state of \\[(.*)] was loaded and that of (.*) is not to be trusted");

  /** Held, so that its level is not forgotten. */
  private static final Logger LOG = Logger.getLogger("dev.warpstep");

  private final Simulator simulator = CudaUnderTest.simulator();

  /** What the actions do when nothing fails. */
  private final Map<Action, Snapshot> reference = new EnumMap<>(Action.class);

  /** Thousands of warnings that something could not be given back. */
  @BeforeAll
  static void silenceTheLog() {
    LOG.setLevel(Level.OFF);
  }

  @AfterAll
  static void restoreTheLog() {
    LOG.setLevel(null);
  }

  @TestFactory
  Stream<DynamicTest> everyCallOfEveryActionMayFail() {
    runReference();
    List<DynamicTest> tests = new ArrayList<>();
    for (Action action : Action.values()) {
      for (int code : CODES) {
        for (boolean forGood : new boolean[] {false, true}) {
          tests.add(
              DynamicTest.dynamicTest(
                  "%s, %s %s"
                      .formatted(action, CUresult.stringFor(code), forGood ? "for good" : "once"),
                  () -> failEachCall(action, code, forGood)));
        }
      }
    }
    return tests.stream();
  }

  private void runReference() {
    try (FaultScript script = new FaultScript()) {
      for (Action action : Action.values()) {
        script.run(action);
        reference.put(action, script.snapshot());
      }
    }
  }

  private void failEachCall(Action action, int code, boolean forGood) {
    int calls = 0;
    while (failCall(action, ++calls, code, forGood)) {
      assertTrue(calls < 1_000, "the action does not end");
    }
  }

  /** Whether there was such a call to fail. */
  private boolean failCall(Action action, int nth, int code, boolean forGood) {
    simulator.reset();
    String what = "%s, call %d".formatted(action, nth);
    boolean partly = false;
    boolean lost = false;
    List<String> failed;
    try (FaultScript script = new FaultScript()) {
      script.runBefore(action);
      Snapshot before = script.snapshot();
      simulator.failCall(Optional.empty(), nth, code, forGood);
      Optional<Throwable> thrown = thrownBy(() -> script.run(action));
      failed = failedCalls();
      simulator.clearFaults();
      if (failed.isEmpty()) {
        assertEquals(Optional.empty(), thrown, what);
        return false;
      }
      what += " of " + failed.getFirst();
      if (stillCaptures()) {
        return true; // and cannot be ended: the stream is good for nothing any more
      }
      if (thrown.isPresent()) {
        checkType(what, action, code, thrown.get());
        lost = thrown.get() instanceof DeviceLostException;
        if (lost) {
          checkLost(what, script);
        } else {
          partly = checkState(what, action, thrown.get(), before, script.snapshot());
          if (!partly) {
            script.run(action);
          }
        }
      }
      if (!lost && !partly) {
        assertEquals(reference.get(action), script.snapshot(), what);
        script.runAfter(action);
        assertEquals(reference.get(Action.CLOSE_DEVICE), script.snapshot(), what);
      }
      script.closeDevice();
      if (!forGood && !isGiveBack(action, failed)) {
        assertEquals(script.callersOwn(), simulator.left(), what);
      }
    }
    if (!failed.contains("cuDevicePrimaryCtxRelease")) {
      assertEquals(Map.of(), simulator.left(), what);
    }
    return true;
  }

  private static Optional<Throwable> thrownBy(Runnable action) {
    try {
      action.run();
      return Optional.empty();
    } catch (Throwable e) {
      return Optional.of(e);
    }
  }

  private List<String> failedCalls() {
    return FAILED_CALL.matcher(simulator.trace()).results().map(call -> call.group(1)).toList();
  }

  private boolean stillCaptures() {
    String trace = simulator.trace();
    return CAPTURE_BEGUN.matcher(trace).results().count()
        > CAPTURE_ENDED.matcher(trace).results().count();
  }

  private static boolean isGiveBack(Action action, List<String> failed) {
    return failed.stream().anyMatch(GIVE_BACK::contains)
        || (action.givesBack() && failed.contains("cuCtxPushCurrent"));
  }

  private static void checkType(String what, Action action, int code, Throwable thrown) {
    if (thrown instanceof DeviceUnavailableException) {
      assertEquals(Action.OPEN, action, what);
      assertInstanceOf(CudaUnavailableException.class, thrown.getCause(), what);
    } else if (thrown instanceof DeviceException device) {
      assertEquals(code, device.code(), what);
      assertTrue(
          device.getMessage().contains(CUresult.stringFor(code))
              || device.getMessage().contains("out of device memory"),
          what + ": " + device.getMessage());
      assertTrue(device.getMessage().startsWith(device.call() + ": "), what);
    } else {
      // All that the driver says of an address that is not its own.
      assertTrue(
          action == Action.WRAP || action == Action.STEP_WITH_MOVED_GRADIENT,
          () -> what + ": " + thrown);
      assertEquals(CUresult.CUDA_ERROR_INVALID_VALUE, code, what);
      assertInstanceOf(IllegalArgumentException.class, thrown, what);
    }
    assertEquals(
        code == CUresult.CUDA_ERROR_LAUNCH_FAILED && action != Action.OPEN,
        thrown instanceof DeviceLostException,
        what);
  }

  /** From then on everything fails at once, without asking the driver. */
  private void checkLost(String what, FaultScript script) {
    long calls = simulator.calls();
    for (Runnable use : script.uses()) {
      assertThrows(DeviceLostException.class, use::run, what);
    }
    assertEquals(calls, simulator.calls(), what);
  }

  /**
   * Everything is as before, but for what the message names.
   *
   * @return whether an action was done in part, and cannot be repeated
   */
  private boolean checkState(
      String what, Action action, Throwable thrown, Snapshot before, Snapshot now) {
    Set<String> done = new TreeSet<>();
    Set<String> unknown = new TreeSet<>();
    Matcher updated = UPDATED.matcher(thrown.getMessage());
    Matcher loaded = LOADED.matcher(thrown.getMessage());
    boolean partly = updated.find();
    if (partly) {
      done.addAll(List.of(updated.group(1).split(", ")));
    } else if (loaded.find()) {
      assertEquals(Action.LOAD, action, what);
      done.addAll(List.of(loaded.group(1).split(", ")));
      unknown.add(loaded.group(2));
    }
    for (String name : before.names()) {
      if (action == Action.WRITE && name.equals("own")) {
        continue; // the very values that were to be overwritten
      }
      if (done.contains(name)) {
        assertEquals(reference.get(action).of(name), now.of(name), what + ", " + name);
      } else if (unknown.contains(name)) {
        assertEquals(before.of(name).get("values"), now.of(name).get("values"), what);
      } else {
        assertEquals(before.of(name), now.of(name), what + ", " + name);
      }
    }
    return partly;
  }
}
