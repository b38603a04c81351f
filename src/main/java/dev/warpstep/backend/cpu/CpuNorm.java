package dev.warpstep.backend.cpu;

import dev.warpstep.backend.PreparedNorm;
import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.cpu.bindings.WarpstepNative;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A norm pass as short native calls. Each tile leaves its value at its own place, so that it does
 * not matter which thread reduces it, and when.
 */
final class CpuNorm implements PreparedNorm, ThreadTeam.Job {
  /** Elements of a tile; kReductionTile of kernels/gradients.h, part of the result. */
  private static final int TILE = 8_192;

  /** A thread keeps its stream for so long: 25 microseconds from main memory. */
  private static final int CHUNK = 32 * TILE;

  /** The most elements of a call on a heap array, for which a safepoint waits. */
  private static final int CRITICAL_ELEMENTS = 4 * TILE;

  /** A smaller model is done by the caller: handing it over would take longer. */
  private static final int INLINE_ELEMENTS = 1 << 16;

  private static final int LARGE_ELEMENTS = 1 << 20;

  @SuppressWarnings("restricted") // the address and signature are those that jextract bound
  private static final MethodHandle CRITICAL_NORM =
      Linker.nativeLinker()
          .downcallHandle(
              WarpstepNative.ws_norm$address(),
              WarpstepNative.ws_norm$descriptor(),
              Linker.Option.critical(true));

  private final ThreadTeam team;
  private final int isa;
  private final StepPlan plan;
  private final StepControl control;
  private final MemorySegment[] gradients;
  private final int[] types;
  private final MemorySegment[] partials;
  private final MemorySegment allPartials;
  private final long tileCount;
  private final Arena arena = Arena.ofShared();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private int infinity;

  CpuNorm(
      ThreadTeam team,
      int isa,
      List<StepPlan.Tensor> tensors,
      List<Storage> gradients,
      StepControl control) {
    this.team = team;
    this.isa = isa;
    this.control = control;
    this.plan = StepPlan.of(tensors, CHUNK);
    this.gradients = gradients.stream().map(CpuStep::lent).toArray(MemorySegment[]::new);
    this.types = gradients.stream().mapToInt(gradient -> gradient.type().code()).toArray();
    this.partials = new MemorySegment[tensors.size()];
    this.tileCount =
        tensors.stream().mapToLong(tensor -> Math.ceilDiv(tensor.elementCount(), TILE)).sum();
    this.allPartials = arena.allocate(ValueLayout.JAVA_DOUBLE, Math.max(tileCount, 1));
    long tile = 0;
    for (int i = 0; i < partials.length; i++) {
      partials[i] = allPartials.asSlice(tile * Double.BYTES);
      tile += Math.ceilDiv(tensors.get(i).elementCount(), TILE);
    }
  }

  @Override
  public void moveGradient(int tensor, Storage gradient) {
    gradients[tensor] = CpuStep.lent(gradient);
    types[tensor] = gradient.type().code();
  }

  @Override
  public void send() {
    // Everything is where the library reads it.
  }

  @Override
  public void run() {
    infinity = control.settings().infinityNorm() ? 1 : 0;
    if (plan.elementCount() < INLINE_ELEMENTS) {
      for (int item = 0; item < plan.itemCount(); item++) {
        run(item);
      }
    } else {
      team.run(this, plan.itemCount(), plan.elementCount() >= LARGE_ELEMENTS);
    }
    Throwable thrown = failure.getAndSet(null);
    if (thrown instanceof Error error) {
      throw error;
    }
    if (thrown != null) {
      throw new IllegalStateException(
          "memory of a gradient was freed while step() ran: nothing was updated", thrown);
    }
    WarpstepNative.ws_conclude(control.host(), allPartials, tileCount);
  }

  @Override
  public void run(int item) {
    for (int chunk = plan.itemBegin(item); chunk < plan.itemEnd(item); chunk++) {
      int tensor = plan.chunkTensor(chunk);
      try {
        reduce(tensor, plan.chunkBegin(chunk), plan.chunkElements(chunk));
      } catch (RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      }
    }
  }

  private void reduce(int tensor, long begin, long count) {
    MemorySegment gradient = gradients[tensor];
    int type = types[tensor];
    try {
      if (gradient.isNative()) {
        WarpstepNative.ws_norm(isa, infinity, type, gradient, begin, count, partials[tensor]);
      } else {
        for (long at = begin, end = begin + count; at < end; at += CRITICAL_ELEMENTS) {
          long most = Math.min(CRITICAL_ELEMENTS, end - at);
          CRITICAL_NORM.invokeExact(isa, infinity, type, gradient, at, most, partials[tensor]);
        }
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native call throws nothing else", e);
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
