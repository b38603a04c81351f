package dev.warpstep.backend;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;

/** fp32 values in host memory: a {@code float[]}, native memory of the caller, or of a pool. */
public final class HostStorage implements Storage {
  /** A cache line, and the widest vector: spans that begin on one touch no line twice. */
  private static final long ALIGNMENT_BYTES = 64;

  /** Stands for the address space of the process. */
  private static final Object NATIVE = new Object();

  private final MemorySegment segment;

  private HostStorage(MemorySegment segment) {
    this.segment = segment;
  }

  /**
   * Uses memory of the caller, without copying.
   *
   * @throws IllegalArgumentException if it is not writable native memory or (part of) a {@code
   *     float[]}, aligned to 4 bytes and a multiple of 4 bytes long
   * @throws IllegalStateException if it was freed
   */
  public static HostStorage wrap(MemorySegment segment) {
    if (segment.isReadOnly()) {
      throw new IllegalArgumentException("must be writable, was read-only memory");
    }
    if (!segment.isNative() && segment.heapBase().filter(float[].class::isInstance).isEmpty()) {
      throw new IllegalArgumentException(
          "must be native memory or a float[], was %s"
              .formatted(segment.heapBase().orElseThrow().getClass().getSimpleName()));
    }
    if (segment.byteSize() % Float.BYTES != 0) {
      throw new IllegalArgumentException(
          "must hold whole fp32 values, was %d bytes long".formatted(segment.byteSize()));
    }
    if (segment.isNative() && segment.address() % Float.BYTES != 0) {
      throw new IllegalArgumentException(
          "must be aligned to 4 bytes, was at address 0x%x".formatted(segment.address()));
    }
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("memory is already freed");
    }
    return new HostStorage(segment);
  }

  /** New pool of native memory. */
  public static StoragePool newPool() {
    return new Pool();
  }

  /** The values. */
  public MemorySegment segment() {
    return segment;
  }

  @Override
  public long elementCount() {
    return segment.byteSize() / Float.BYTES;
  }

  @Override
  public OptionalLong deviceAddress() {
    return OptionalLong.empty();
  }

  @Override
  public boolean isAlive() {
    return segment.scope().isAlive();
  }

  @Override
  public boolean isSameMemory(Storage other) {
    return other instanceof HostStorage host
        && host.segment.equals(segment)
        && host.segment.scope().equals(segment.scope());
  }

  @Override
  public MemoryRange range() {
    Object owner = segment.heapBase().orElse(NATIVE);
    return new MemoryRange(owner, segment.address(), segment.address() + segment.byteSize());
  }

  @Override
  public void copyTo(MemorySegment destination) {
    checkAlive();
    MemorySegment.copy(segment, 0, destination, 0, segment.byteSize());
  }

  @Override
  public void copyFrom(MemorySegment source) {
    checkAlive();
    MemorySegment.copy(source, 0, segment, 0, segment.byteSize());
  }

  @Override
  public void fillZero() {
    checkAlive();
    segment.fill((byte) 0);
  }

  private void checkAlive() {
    if (!isAlive()) {
      throw new IllegalStateException("memory is already freed");
    }
  }

  @Override
  public String toString() {
    return "%d fp32 values in %s memory"
        .formatted(elementCount(), segment.isNative() ? "native" : "heap");
  }

  /**
   * Large arrays begin at different places of a page. The system would let all of them begin at the
   * same one, and a processor takes a load and an earlier store whose addresses agree in their last
   * 12 bits for the same until it knows better: a step then loses 15 % of its speed.
   */
  private static final class Pool implements StoragePool {
    private static final long PAGE_BYTES = 4_096;

    /** From here on the system allocates whole pages. */
    private static final long LARGE_BYTES = 16 * PAGE_BYTES;

    private static final AtomicInteger POOLS = new AtomicInteger();

    private final Arena arena = Arena.ofShared();

    /** In cache lines; the strides have no factor in common with the 64 lines of a page. */
    private long stagger = POOLS.getAndIncrement() * 29L;

    @Override
    public Storage allocate(long elementCount) {
      try {
        long bytes = Math.multiplyExact(elementCount, (long) Float.BYTES);
        if (bytes < LARGE_BYTES) {
          return new HostStorage(arena.allocate(bytes, ALIGNMENT_BYTES));
        }
        stagger += 17;
        long begin = stagger * ALIGNMENT_BYTES % PAGE_BYTES;
        MemorySegment pages = arena.allocate(Math.addExact(bytes, PAGE_BYTES), PAGE_BYTES);
        return new HostStorage(pages.asSlice(begin, bytes));
      } catch (OutOfMemoryError e) {
        OutOfMemoryError named =
            new OutOfMemoryError("no native memory for %d fp32 values".formatted(elementCount));
        named.initCause(e);
        throw named;
      }
    }

    @Override
    public void close() {
      if (arena.scope().isAlive()) {
        arena.close();
      }
    }
  }
}
