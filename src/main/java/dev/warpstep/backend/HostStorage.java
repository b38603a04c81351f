package dev.warpstep.backend;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;

/** Elements in host memory: an array, native memory of the caller, or of a pool. */
public final class HostStorage implements Storage {
  /** Stands for the address space of the process. */
  private static final Object NATIVE = new Object();

  private final MemorySegment segment;
  private final ElementType type;

  private HostStorage(MemorySegment segment, ElementType type) {
    this.segment = segment;
    this.type = type;
  }

  /**
   * Uses memory of the caller, without copying.
   *
   * @throws IllegalArgumentException if it is not writable native memory or (part of) a {@code
   *     float[]}, {@code short[]} or {@code double[]}, as the type's size says, or not whole
   *     elements, aligned
   * @throws IllegalStateException if it was freed
   */
  public static HostStorage wrap(MemorySegment segment, ElementType type) {
    Class<?> array = arrayOf(type);
    int size = type.sizeBytes();
    if (segment.isReadOnly()) {
      throw new IllegalArgumentException("must be writable, was read-only memory");
    }
    if (!segment.isNative() && segment.heapBase().filter(array::isInstance).isEmpty()) {
      throw new IllegalArgumentException(
          "must be native memory or a %s, was %s"
              .formatted(
                  array.getSimpleName(),
                  segment.heapBase().orElseThrow().getClass().getSimpleName()));
    }
    if (segment.byteSize() % size != 0) {
      throw new IllegalArgumentException(
          "must hold whole %s values, was %d bytes long".formatted(type, segment.byteSize()));
    }
    if (segment.isNative() && segment.address() % size != 0) {
      throw new IllegalArgumentException(
          "must be aligned to %d bytes, was at address 0x%x".formatted(size, segment.address()));
    }
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("memory is already freed");
    }
    return new HostStorage(segment, type);
  }

  private static Class<?> arrayOf(ElementType type) {
    return switch (type) {
      case FLOAT32 -> float[].class;
      case FLOAT16, BFLOAT16 -> short[].class;
      case FLOAT64 -> double[].class;
    };
  }

  @Override
  public ElementType type() {
    return type;
  }

  /** The values. */
  public MemorySegment segment() {
    return segment;
  }

  @Override
  public long elementCount() {
    return segment.byteSize() / type.sizeBytes();
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
        && host.type == type
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
    return "%d %s values in %s memory"
        .formatted(elementCount(), type, segment.isNative() ? "native" : "heap");
  }
}
