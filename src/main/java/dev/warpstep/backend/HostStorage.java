package dev.warpstep.backend;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;

/** fp32 values in host memory: a {@code float[]}, native memory of the caller, or of a pool. */
public final class HostStorage implements Storage {
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
}
