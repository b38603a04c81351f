package dev.warpstep;

import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.Storage;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Objects;

/** Memory of the caller as storage; what is wrong with it is said with the name of its owner. */
final class WrappedMemory {
  private WrappedMemory() {}

  static Storage of(String owner, DType dtype, MemorySegment segment) {
    Objects.requireNonNull(segment, owner);
    try {
      return HostStorage.wrap(segment, dtype.elementType());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(owner + ": " + e.getMessage(), e);
    } catch (IllegalStateException e) {
      throw new IllegalStateException(owner + ": " + e.getMessage(), e);
    }
  }

  static Storage of(String owner, DType dtype, Device device, long address, long elementCount) {
    try {
      return device.backend().wrap(address, dtype.elementType(), elementCount);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(owner + ": " + e.getMessage(), e);
    }
  }

  /** A buffer's remaining elements; a read-only one is refused later, with the segment. */
  static MemorySegment segment(String owner, FloatBuffer buffer) {
    if (buffer.order() != ByteOrder.nativeOrder()) {
      throw new IllegalArgumentException(
          "%s: buffer must be in native byte order %s, was %s"
              .formatted(owner, ByteOrder.nativeOrder(), buffer.order()));
    }
    return MemorySegment.ofBuffer(buffer);
  }
}
