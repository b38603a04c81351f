package dev.warpstep.backend;

import dev.warpstep.backend.bindings.WarpstepPlan;
import dev.warpstep.backend.bindings.WsControl;
import dev.warpstep.backend.bindings.WsResult;
import dev.warpstep.backend.bindings.WsVerdict;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * How one optimizer's steps treat gradients: the verdict that update kernels read, and the settings
 * and results of norm passes. Writes nothing that the device has already.
 */
public final class StepControl implements AutoCloseable {
  private final DeviceStruct struct;

  /** A slice, made once: a step asks for it and allocates nothing. */
  private final MemorySegment verdictMemory;

  private Optional<Verdict> verdict = Optional.empty();
  private boolean neutral;
  private Optional<NormSettings> settings = Optional.empty();
  private long passes;

  /**
   * What a norm pass found.
   *
   * @param norm of the gradients divided by the scale, before any clipping
   * @param scale the gradient scale of the step
   * @param appliedSteps those that norm passes let through, this one included
   * @param skipped whether nothing was updated
   */
  public record Result(double norm, double scale, long appliedSteps, boolean skipped) {}

  /**
   * A control whose verdict is neutral.
   *
   * @param struct of {@link #sizeBytes} bytes, which is closed with the control
   */
  public StepControl(DeviceStruct struct) {
    this.struct = struct;
    this.verdictMemory = WsControl.verdict(struct.host());
    settle();
  }

  /** What a control needs. */
  public static long sizeBytes() {
    return WsControl.sizeof();
  }

  /** Lets the next step update and do nothing else; without any work if the last one did. */
  public void settle() {
    if (!neutral) {
      settle(Verdict.NEUTRAL);
      neutral = true;
    }
  }

  /** Decides how the next step treats gradients, without a norm pass. */
  public void settle(Verdict next) {
    if (verdict.isPresent() && verdict.get().equals(next)) {
      return;
    }
    neutral = false;
    MemorySegment raw = verdictMemory;
    WsVerdict.multiplier(raw, next.multiplier());
    WsVerdict.largest(raw, next.largest());
    WsVerdict.skip(raw, 0);
    WsVerdict.zero_gradients(raw, next.zeroGradients() ? 1 : 0);
    WsVerdict.average(raw, next.averages() ? 1 : 0);
    if (next.averages()) {
      WsVerdict.average_weight(raw, next.averageWeight());
    }
    struct.touch(
        WsControl.verdict$offset(),
        WsControl.verdict$offset() + WsControl.verdict$layout().byteSize());
    verdict = Optional.of(next);
  }

  /** Leaves the decision to the norm pass that follows. */
  public void ask(NormSettings next) {
    if (settings.isPresent() && settings.get().equals(next)) {
      return;
    }
    MemorySegment raw = struct.host();
    WsControl.max_norm(raw, next.maxNorm());
    WsControl.scale(raw, next.scale());
    WsControl.scaler(raw, next.scaler().map(DeviceStruct::address).orElse(0L));
    WsControl.average(raw, next.average().map(DeviceStruct::address).orElse(0L));
    WsControl.largest(raw, next.largest());
    WsControl.flags(
        raw,
        (next.infinityNorm() ? WarpstepPlan.WS_INFINITY_NORM() : 0)
            | (next.skipNonfinite() ? WarpstepPlan.WS_SKIP_NONFINITE() : 0)
            | (next.updateScaler() ? WarpstepPlan.WS_UPDATE_SCALER() : 0)
            | (next.zeroGradients() ? WarpstepPlan.WS_ZERO_GRADIENTS() : 0));
    struct.touch(0, WsControl.verdict$offset());
    settings = Optional.of(next);
  }

  /** Where stochastic rounding goes on: its seed, and the steps that were applied. */
  public void round(long seed, long steps) {
    struct.receive(); // what kernels counted beside it
    WsControl.seed(struct.host(), seed);
    WsControl.steps(struct.host(), steps);
    struct.touch(WsControl.steps$offset(), WsControl.reserved$offset());
  }

  /** Of stochastic rounding. */
  public long seed() {
    return WsControl.seed(struct.host());
  }

  /** Steps that were applied, of an optimizer that rounds stochastically. Waits for them. */
  public long roundedSteps() {
    struct.receive();
    return WsControl.steps(struct.host());
  }

  /** Counts a step where no kernel does. */
  public void countRoundedStep() {
    WsControl.steps(struct.host(), WsControl.steps(struct.host()) + 1);
  }

  /** The settings of the next norm pass. */
  public NormSettings settings() {
    return settings.orElseThrow();
  }

  /** Sends what kernels read. */
  public void send() {
    struct.send();
  }

  /** A norm pass was given to the device: to be called after each. */
  public void passed() {
    verdict = Optional.empty();
    neutral = false;
    passes++;
  }

  /** Norm passes so far. */
  public long passes() {
    return passes;
  }

  /**
   * Waits for a norm pass and reads what it found.
   *
   * @param pass its number, from 0
   * @throws IllegalStateException if it was too long ago
   */
  public Result result(long pass) {
    int kept = WarpstepPlan.WS_RESULTS();
    if (passes - pass > kept) {
      throw new IllegalStateException(
          "the result of a step must be read before %d others follow, was read after %d"
              .formatted(kept, passes - pass - 1));
    }
    struct.receive();
    MemorySegment result =
        WsResult.asSlice(WsControl.results(struct.host()), Math.floorMod(pass, (long) kept));
    return new Result(
        WsResult.norm(result),
        WsResult.scale(result),
        WsResult.applied(result),
        WsResult.skipped(result) != 0);
  }

  /** Whether the verdict, after a norm pass that is done, is to update nothing. */
  public boolean skips() {
    return WsVerdict.skip(verdictMemory) != 0;
  }

  /** The verdict in the host's copy. */
  public MemorySegment verdict() {
    return verdictMemory;
  }

  /** The host's copy. */
  public MemorySegment host() {
    return struct.host();
  }

  /** Where kernels find it. */
  public long address() {
    return struct.address();
  }

  @Override
  public void close() {
    struct.close();
  }
}
