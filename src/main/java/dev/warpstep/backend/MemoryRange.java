package dev.warpstep.backend;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Bytes of some memory.
 *
 * @param owner a heap array, or what stands for an address space; compared by identity
 * @param begin first byte
 * @param end one past the last byte
 */
public record MemoryRange(Object owner, long begin, long end) {
  /** Whether a byte is in both. */
  public boolean overlaps(MemoryRange other) {
    return owner == other.owner && begin < other.end && other.begin < end;
  }

  /**
   * What a range belongs to.
   *
   * @param name for messages
   * @param written whether it is written, so that nothing may overlap it
   */
  public record Use(String name, MemoryRange range, boolean written) {}

  /** Two uses of the same bytes, one of them written. */
  public record Conflict(Use first, Use second) {}

  /** Finds a written range that overlaps another one; n log n for n uses. */
  public static Optional<Conflict> conflict(List<Use> uses) {
    IdentityHashMap<Object, List<Use>> byOwner = new IdentityHashMap<>();
    for (Use use : uses) {
      if (!use.range().isEmpty()) {
        byOwner.computeIfAbsent(use.range().owner(), owner -> new ArrayList<>()).add(use);
      }
    }
    return byOwner.values().stream()
        .map(MemoryRange::conflictOfOne)
        .flatMap(Optional::stream)
        .findFirst();
  }

  /** The written ones of uses without a conflict, to look others up in. */
  public static final class Written {
    private final IdentityHashMap<Object, TreeMap<Long, Use>> byOwner = new IdentityHashMap<>();

    /** Copies what is needed. */
    public Written(List<Use> uses) {
      for (Use use : uses) {
        if (use.written() && !use.range().isEmpty()) {
          byOwner
              .computeIfAbsent(use.range().owner(), owner -> new TreeMap<>())
              .put(use.range().begin(), use);
        }
      }
    }

    /** The written range, if any, that a read one overlaps; log n for n uses. */
    public Optional<Use> overlapping(MemoryRange read) {
      TreeMap<Long, Use> uses = byOwner.get(read.owner());
      if (uses == null || read.isEmpty()) {
        return Optional.empty();
      }
      // They do not overlap each other, so the last that begins before the end reaches furthest.
      return Optional.ofNullable(uses.lowerEntry(read.end()))
          .map(Map.Entry::getValue)
          .filter(use -> use.range().overlaps(read));
    }
  }

  private boolean isEmpty() {
    return begin >= end;
  }

  private static Optional<Conflict> conflictOfOne(List<Use> uses) {
    uses.sort(Comparator.comparingLong(use -> use.range().begin()));
    // The furthest-reaching of all ranges so far, and of the written ones.
    Optional<Use> any = Optional.empty();
    Optional<Use> written = Optional.empty();
    for (Use use : uses) {
      Optional<Use> rival = use.written() ? any : written;
      if (rival.isPresent() && rival.get().range().overlaps(use.range())) {
        return Optional.of(new Conflict(rival.get(), use));
      }
      any = further(any, use);
      if (use.written()) {
        written = further(written, use);
      }
    }
    return Optional.empty();
  }

  private static Optional<Use> further(Optional<Use> old, Use use) {
    return old.isPresent() && old.get().range().end() >= use.range().end() ? old : Optional.of(use);
  }
}
