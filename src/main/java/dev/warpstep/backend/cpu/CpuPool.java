package dev.warpstep.backend.cpu;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.cpu.bindings.WarpstepNative;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Native memory. Large arrays lie in huge pages, and begin at different places of a small one: the
 * system would let all of them begin at the same place, and a processor takes a load and an earlier
 * store whose addresses agree in their last 12 bits for the same until it knows better.
 */
final class CpuPool implements StoragePool {
  /** A cache line, and the widest vector: spans that begin on one touch no line twice. */
  private static final long ALIGNMENT_BYTES = 64;

  private static final long PAGE_BYTES = 4_096;

  /** From here on half a huge page left unused at the end does not weigh. */
  private static final long LARGE_BYTES = 8L << 20;

  /** More than any address space; keeps sums of sizes from overflowing. */
  private static final long MOST_BYTES = 1L << 57;

  private static final AtomicInteger POOLS = new AtomicInteger();

  private final Arena arena = Arena.ofShared();

  /** In cache lines; the strides have no factor in common with the 64 lines of a page. */
  private long stagger = POOLS.getAndIncrement() * 29L;

  @Override
  public Storage allocate(ElementType type, long elementCount) {
    try {
      long sizeBytes = Math.multiplyExact(elementCount, (long) type.sizeBytes());
      return HostStorage.wrap(
          sizeBytes < LARGE_BYTES
              ? arena.allocate(sizeBytes, ALIGNMENT_BYTES)
              : allocateLarge(sizeBytes),
          type);
    } catch (OutOfMemoryError e) {
      OutOfMemoryError named =
          new OutOfMemoryError("no native memory for %d %s values".formatted(elementCount, type));
      named.initCause(e);
      throw named;
    }
  }

  @SuppressWarnings("restricted") // as long as what was allocated
  private MemorySegment allocateLarge(long sizeBytes) {
    if (sizeBytes > MOST_BYTES) {
      throw new OutOfMemoryError("no system has %d bytes".formatted(sizeBytes));
    }
    long paddedBytes = sizeBytes + PAGE_BYTES;
    MemorySegment memory = WarpstepNative.ws_allocate(paddedBytes);
    if (memory.address() == 0) {
      throw new OutOfMemoryError("the system refused %d bytes".formatted(paddedBytes));
    }
    stagger += 17;
    return memory
        .reinterpret(paddedBytes, arena, freed -> WarpstepNative.ws_free(freed, paddedBytes))
        .asSlice(stagger * ALIGNMENT_BYTES % PAGE_BYTES, sizeBytes);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
