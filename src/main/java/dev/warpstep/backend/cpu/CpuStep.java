package dev.warpstep.backend.cpu;

import dev.warpstep.backend.Entry;
import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.TensorSums;
import dev.warpstep.backend.bindings.WsFormat;
import dev.warpstep.backend.cpu.bindings.WarpstepNative;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A step as short native calls, one for each chunk.
 *
 * <p>Memory is handed to the library as segments, never as bare addresses: the call itself then
 * keeps shared memory from being freed under it, and refuses freed memory. Confined memory, which
 * only its owner may free, is lent to the other threads while the owner waits in {@link #run}.
 */
final class CpuStep implements PreparedStep, ThreadTeam.Job {
  /**
   * The most elements of a chunk. Where a chunk ends, another thread goes on, and the hardware has
   * to find five streams anew: with chunks of 16,384 elements Adam on 124 million parameters takes
   * 1.18 times as long as with these, and longer ones gain nothing.
   */
  private static final int LARGEST_CHUNK = 1 << 18;

  /**
   * The most elements of a call on heap arrays: about 20 microseconds from main memory. They are
   * pinned during the call, and a safepoint waits for it; a call costs about 50 nanoseconds.
   */
  private static final int CRITICAL_ELEMENTS = 16_384;

  /** Chunks are a multiple of so many elements. */
  private static final int GRAIN = 1_024;

  /** The fewest elements worth a hand-over to another thread, about a microsecond in the cache. */
  private static final int SMALLEST_CHUNK = 2_048;

  /** Chunks per thread in a small model, so that a thread which starts late still finds work. */
  private static final int CHUNKS_PER_THREAD = 4;

  /** A whole step smaller than this is done by the caller: handing it over would take longer. */
  private static final int INLINE_ELEMENTS = 16_384;

  /**
   * A step from this size on is worth waking threads for: 100 microseconds at 0.4 ns an element.
   */
  private static final int LARGE_ELEMENTS = 1 << 18;

  /** The library's update that accepts heap arrays, and therefore does not leave the Java state. */
  @SuppressWarnings("restricted") // the address and signature are those that jextract bound
  private static final MethodHandle CRITICAL_UPDATE =
      Linker.nativeLinker()
          .downcallHandle(
              WarpstepNative.ws_update$address(),
              WarpstepNative.ws_update$descriptor(),
              Linker.Option.critical(true));

  /** Stands for any thread but the owner in the question whether memory is confined. */
  private static final Thread STRANGER = Thread.ofPlatform().unstarted(() -> {});

  private final CpuBackend backend;
  private final ThreadTeam team;
  private final int isa;
  private final int entry;
  private final boolean hasState;
  private final boolean countsStep;
  private final StepPlan ownPlan;
  private final CpuTables tables;
  private final MemorySegment control;
  private Optional<CpuSums> sums = Optional.empty();

  /** What the present run walks over: a plan of whole tiles if it is summed up. */
  private StepPlan plan;

  private final Tensor[] tensors;
  private final List<TensorBinding> bindings;
  private final Guards guards = new Guards();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  /** What a native call needs to know of a tensor. */
  private static final class Tensor {
    final String name;
    final MemorySegment row;
    final int counter;
    final MemorySegment parameter;
    MemorySegment gradient;
    final MemorySegment state0;
    final MemorySegment state1;
    final MemorySegment state2;
    final MemorySegment average;
    final MemorySegment master;
    final MemorySegment format = Arena.ofAuto().allocate(WsFormat.layout());
    boolean onHeap;
    long step;
    volatile boolean failed;

    Tensor(TensorBinding binding, StepPlan.Tensor planned, CpuTables tables) {
      name = binding.name();
      row = tables.row(planned.row());
      counter = planned.counter();
      parameter = lent(binding.parameter());
      state0 = state(binding.states(), 0);
      state1 = state(binding.states(), 1);
      state2 = state(binding.states(), 2);
      average = binding.average().map(CpuStep::lent).orElse(MemorySegment.NULL);
      master = binding.master().map(CpuStep::lent).orElse(MemorySegment.NULL);
      read(binding);
    }

    /** Takes the gradient from where the binding has it now. */
    void read(TensorBinding binding) {
      gradient = lent(binding.gradient());
      binding.writeFormat(format);
      onHeap =
          Stream.of(parameter, gradient, state0, state1, state2, master)
              .anyMatch(segment -> !segment.isNative());
    }

    private static MemorySegment state(List<Storage> states, int index) {
      return index < states.size() ? lent(states.get(index)) : MemorySegment.NULL;
    }
  }

  /** Usable by every thread; {@link #verify} proves that it may be used at all. */
  @SuppressWarnings("restricted") // as long as the segment that was given
  static MemorySegment lent(Storage storage) {
    MemorySegment segment = ((HostStorage) storage).segment();
    return segment.isAccessibleBy(STRANGER)
        ? segment
        : MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize());
  }

  CpuStep(
      CpuBackend backend,
      ThreadTeam team,
      int isa,
      Entry entry,
      List<StepPlan.Tensor> planned,
      List<TensorBinding> bindings,
      CpuTables tables,
      boolean countsStep) {
    this.backend = backend;
    this.team = team;
    this.isa = isa;
    this.entry = entry.index();
    this.hasState = !entry.states().isEmpty();
    this.countsStep = countsStep;
    this.ownPlan = StepPlan.of(planned, chunkElements(planned, backend.threads(), GRAIN));
    this.plan = ownPlan;
    this.tables = tables;
    this.control = tables.control().host();
    this.tensors =
        IntStream.range(0, bindings.size())
            .mapToObj(i -> new Tensor(bindings.get(i), planned.get(i), tables))
            .toArray(Tensor[]::new);
    this.bindings = new ArrayList<>(bindings);
    bindings.forEach(binding -> binding.storages().forEach(guards::add));
  }

  /** Chunks small enough to occupy every thread, large enough to be worth it. */
  static int chunkElements(List<StepPlan.Tensor> tensors, int threads, int grain) {
    long elements = tensors.stream().mapToLong(StepPlan.Tensor::elementCount).sum();
    long even = elements / ((long) threads * CHUNKS_PER_THREAD);
    int smallest = Math.max(grain, SMALLEST_CHUNK);
    return Math.clamp(Math.ceilDiv(even, grain) * grain, smallest, LARGEST_CHUNK);
  }

  @Override
  public void moveGradient(int tensor, Storage gradient) {
    TensorBinding old = bindings.get(tensor);
    TensorBinding moved = old.withGradient(gradient);
    bindings.set(tensor, moved);
    tensors[tensor].read(moved);
    guards.add(gradient);
    guards.remove(old.gradient());
  }

  @Override
  public void verify() {
    backend.checkOpen();
    guards.verify(bindings);
  }

  @Override
  public void send() {
    // Everything is where the library reads it.
  }

  @Override
  public void prepareSums() {
    if (sums.isEmpty()) {
      sums = Optional.of(new CpuSums(ownPlan.tensors(), backend.threads()));
    }
  }

  @Override
  public List<TensorSums> sums() {
    return sums.orElseThrow().ofTensors();
  }

  @Override
  public List<String> run(boolean summed) {
    plan = summed ? sums.orElseThrow().plan() : ownPlan;
    for (Tensor tensor : tensors) {
      tensor.step = tables.counter(tensor.counter) + 1;
    }
    if (plan.elementCount() < INLINE_ELEMENTS) {
      for (int item = 0; item < plan.itemCount(); item++) {
        run(item);
      }
    } else {
      team.run(this, plan.itemCount(), plan.elementCount() >= LARGE_ELEMENTS);
    }
    boolean failed = failure.get() != null;
    boolean counts = hasState && !tables.control().skips();
    for (Tensor tensor : tensors) {
      if (counts && !(failed && tensor.failed)) {
        tables.setCounter(tensor.counter, tensor.step);
      }
    }
    if (countsStep && !tables.control().skips()) {
      tables.control().countRoundedStep();
    }
    return failed ? failedNames() : List.of();
  }

  @Override
  public void run(int item) {
    for (int chunk = plan.itemBegin(item); chunk < plan.itemEnd(item); chunk++) {
      int index = plan.chunkTensor(chunk);
      Tensor tensor = tensors[index];
      MemorySegment summed = plan == ownPlan ? MemorySegment.NULL : sums.orElseThrow().of(index);
      try {
        update(tensor, summed, plan.chunkBegin(chunk), plan.chunkElements(chunk));
      } catch (RuntimeException | Error e) {
        tensor.failed = true;
        failure.compareAndSet(null, e);
      }
    }
  }

  private void update(Tensor t, MemorySegment summed, long begin, long count) {
    try {
      if (t.onHeap) {
        for (long at = begin, end = begin + count; at < end; at += CRITICAL_ELEMENTS) {
          CRITICAL_UPDATE.invokeExact(
              isa,
              entry,
              t.row,
              t.step,
              control,
              t.format,
              t.counter,
              t.parameter,
              t.gradient,
              t.state0,
              t.state1,
              t.state2,
              t.average,
              t.master,
              summed,
              at,
              Math.min(CRITICAL_ELEMENTS, end - at));
        }
      } else {
        WarpstepNative.ws_update(
            isa,
            entry,
            t.row,
            t.step,
            control,
            t.format,
            t.counter,
            t.parameter,
            t.gradient,
            t.state0,
            t.state1,
            t.state2,
            t.average,
            t.master,
            summed,
            begin,
            count);
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a native call throws nothing else", e);
    }
  }

  /** Names what failed and forgets it; an error of the JVM itself is thrown on. */
  private List<String> failedNames() {
    List<String> names = new ArrayList<>();
    for (Tensor tensor : tensors) {
      if (tensor.failed) {
        names.add(tensor.name);
        tensor.failed = false;
      }
    }
    if (failure.getAndSet(null) instanceof Error error) {
      throw error;
    }
    return names;
  }

  @Override
  public void close() {
    // All memory belongs to pools, tables and callers.
  }
}
