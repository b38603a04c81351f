package dev.warpstep.backend.cpu;

import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.TensorBinding;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * The memory scopes a step depends on, each once however many tensors have memory of it. One tensor
 * that moves costs as much as one tensor.
 */
final class Guards {
  /** Memory of a scope, and how many storages are of it. */
  private static final class Guard {
    final MemorySegment segment;
    int uses;

    Guard(MemorySegment segment) {
      this.segment = segment;
    }
  }

  private final IdentityHashMap<MemorySegment.Scope, Guard> guards = new IdentityHashMap<>();

  /** The guards again, to be walked without allocating. */
  private Guard[] walked = new Guard[0];

  private boolean stale;

  /** Another storage is used. */
  void add(Storage storage) {
    MemorySegment segment = segment(storage);
    if (segment.isNative()) {
      Guard guard = guards.get(segment.scope());
      if (guard == null) {
        guard = new Guard(segment);
        guards.put(segment.scope(), guard);
        stale = true;
      }
      guard.uses++;
    }
  }

  /** A storage that was added is used no more. */
  void remove(Storage storage) {
    MemorySegment segment = segment(storage);
    if (segment.isNative() && --guards.get(segment.scope()).uses == 0) {
      guards.remove(segment.scope());
      stale = true;
    }
  }

  private static MemorySegment segment(Storage storage) {
    return ((HostStorage) storage).segment();
  }

  /**
   * Proves that all memory is there, for this thread.
   *
   * @param bindings where the storages are, so that a parameter can be named
   * @throws IllegalStateException if memory was freed
   * @throws WrongThreadException if memory is confined to another thread
   */
  void verify(List<TensorBinding> bindings) {
    if (stale) {
      walked = guards.values().toArray(Guard[]::new);
      stale = false;
    }
    Thread current = Thread.currentThread();
    for (Guard guard : walked) {
      if (!guard.segment.scope().isAlive()) {
        throw new IllegalStateException(
            "memory of parameter %s was freed before step()".formatted(owner(guard, bindings)));
      }
      if (!guard.segment.isAccessibleBy(current)) {
        throw new WrongThreadException(
            "memory of parameter %s is confined to another thread than the one that calls step()"
                .formatted(owner(guard, bindings)));
      }
    }
  }

  /** The first parameter with memory of a scope. */
  private static String owner(Guard guard, List<TensorBinding> bindings) {
    return bindings.stream()
        .filter(
            binding ->
                binding.storages().stream()
                    .map(Guards::segment)
                    .anyMatch(
                        segment -> segment.isNative() && segment.scope() == guard.segment.scope()))
        .findFirst()
        .orElseThrow()
        .name();
  }
}
