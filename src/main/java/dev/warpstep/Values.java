package dev.warpstep;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Storage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Values of storages, wherever they are, by way of the host. */
final class Values {
  private Values() {}

  /** A copy of all values; fp64 ones are rounded. */
  static float[] floats(Storage storage) {
    float[] values = new float[Math.toIntExact(storage.elementCount())];
    read(storage, ElementType.FLOAT32, MemorySegment.ofArray(values));
    return values;
  }

  /** A copy of all values, exact. */
  static double[] doubles(Storage storage) {
    double[] values = new double[Math.toIntExact(storage.elementCount())];
    read(storage, ElementType.FLOAT64, MemorySegment.ofArray(values));
    return values;
  }

  /** Replaces all values of a storage by those of another one, rounded to nearest. */
  static void convert(Storage from, Storage to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(to.sizeBytes(), Double.BYTES);
      read(from, to.type(), values);
      to.copyFrom(values);
    }
  }

  /** Replaces all values of a storage, rounded to nearest. */
  static void write(ElementType type, MemorySegment values, Storage to) {
    if (type == to.type()) {
      to.copyFrom(values);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment converted = arena.allocate(to.sizeBytes(), Double.BYTES);
      ElementType.convert(type, values, to.type(), converted);
      to.copyFrom(converted);
    }
  }

  private static void read(Storage from, ElementType type, MemorySegment values) {
    if (type == from.type()) {
      from.copyTo(values);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment raw = arena.allocate(from.sizeBytes(), Double.BYTES);
      from.copyTo(raw);
      ElementType.convert(from.type(), raw, type, values);
    }
  }
}
