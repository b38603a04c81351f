package dev.warpstep.checkpoint.torch;

import dev.warpstep.DType;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads tensors out of an archive's storages. A tensor in row-major order goes straight into its
 * own memory. Of another view, what lies between its first and its last element is read besides,
 * one tensor at a time and at most eight times the tensor; views that are sparser are read element
 * by element.
 */
final class TensorLoader {
  /** Tensors up to here share memory: each piece of native memory has a price of its own. */
  private static final int SMALL = 4 << 10;

  static final int SLAB = 64 << 10;

  private static final int DENSE = 8;

  private final Source source;
  private final ZipArchive archive;
  private final Budget budget;
  private final boolean swapped;
  private final Arena arena = Arena.ofAuto();
  private MemorySegment shared = MemorySegment.NULL;

  /**
   * @param order of the file's numbers
   */
  TensorLoader(Source source, ZipArchive archive, Budget budget, ByteOrder order) {
    this.source = source;
    this.archive = archive;
    this.budget = budget;
    this.swapped = order != ByteOrder.nativeOrder();
  }

  /** Takes what else is kept of a file, before it is allocated. */
  void charge(String entry, long bytes) throws CheckpointException {
    budget.charge(entry, bytes);
  }

  /** The most that {@link #load} charges for a tensor, but for one slab in all. */
  static long mostCharged(int rank, long valueBytes) {
    long piece = valueBytes + Double.BYTES;
    // Of a slab less stays unused than a small tensor takes.
    long values =
        valueBytes > SMALL
            ? valueBytes + Footprint.ALLOCATION
            : Math.ceilDiv(piece * SLAB, SLAB - SMALL);
    return Footprint.tensor(rank) + values;
  }

  /**
   * A tensor's values in row-major order.
   *
   * @param what it is, for messages
   * @throws IOException if it is of a type that no state has, or its storage is missing or of
   *     another size
   */
  StateTensor load(String what, PickledTensor tensor) throws IOException {
    DType dtype = dtype(what, tensor);
    ZipRecord record = record(tensor.storage());
    long elements = tensor.elementCount();
    if (elements > source.size() * DENSE) {
      throw source.refuse(what, "has %d elements, more than the file could hold", elements);
    }
    budget.charge(what, Footprint.tensor(tensor.rank()));
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < tensor.rank(); i++) {
      shape.add(tensor.size(i));
    }
    MemorySegment values = allocate(what, elements * dtype.sizeBytes());
    read(what, tensor, record, values);
    try {
      return new StateTensor(dtype, shape, values);
    } catch (IllegalArgumentException e) {
      throw cause(source.refuse(what, "%s", e.getMessage()), e);
    }
  }

  /**
   * The number that a tensor of one element holds: a {@link Long} or a {@link Double}.
   *
   * @throws IOException as {@link #load}, or if it has another number of elements
   */
  Number scalar(String what, PickledTensor tensor) throws IOException {
    if (tensor.elementCount() != 1) {
      throw source.refuse(what, "must be one number, had %d", tensor.elementCount());
    }
    StorageType type = tensor.storage().type();
    ZipRecord record = record(tensor.storage());
    try (Arena one = Arena.ofConfined()) {
      MemorySegment value = one.allocate(type.elementBytes(), Double.BYTES);
      read(what, tensor, record, value);
      return switch (type) {
        case LONG -> value.get(ValueLayout.JAVA_LONG, 0);
        case INT -> (long) value.get(ValueLayout.JAVA_INT, 0);
        default -> new StateTensor(dtype(what, tensor), List.of(), value).toDoubleArray()[0];
      };
    }
  }

  private DType dtype(String what, PickledTensor tensor) throws CheckpointException {
    StorageType type = tensor.storage().type();
    return type.dtype()
        .orElseThrow(
            () -> source.refuse(what, "must be of floating point, was %s", type.className()));
  }

  /** The entry that has a storage's elements. */
  private ZipRecord record(PickledStorage storage) throws CheckpointException {
    ZipRecord record = archive.record("data/" + storage.key());
    int elementBytes = storage.type().elementBytes();
    if (record.size() % elementBytes != 0
        || record.size() / elementBytes != storage.elementCount()) {
      throw source.refuse(
          record.name(),
          "must have %d elements of %d bytes, has %d bytes",
          storage.elementCount(),
          elementBytes,
          record.size());
    }
    return record;
  }

  private void read(String what, PickledTensor tensor, ZipRecord record, MemorySegment values)
      throws IOException {
    int elementBytes = tensor.storage().type().elementBytes();
    long elements = tensor.elementCount();
    if (elements == 0) {
      return;
    }
    long start = record.offset() + tensor.offset() * elementBytes;
    if (tensor.isContiguous()) {
      source.read(values, start);
    } else if (tensor.span() / DENSE <= elements) {
      long spanBytes = tensor.span() * elementBytes;
      budget.charge(what, spanBytes);
      try (Arena span = Arena.ofConfined()) {
        MemorySegment all = span.allocate(spanBytes, Double.BYTES);
        source.read(all, start);
        gather(tensor, values, (from, to) -> to.copyFrom(all.asSlice(from, to.byteSize())));
      }
      budget.refund(spanBytes);
    } else {
      gather(tensor, values, (from, to) -> source.read(to, start + from));
    }
    swap(values, elementBytes);
  }

  private MemorySegment allocate(String what, long bytes) throws CheckpointException {
    if (bytes > SMALL) {
      budget.charge(what, bytes + Footprint.ALLOCATION);
      return arena.allocate(bytes, Double.BYTES);
    }
    if (shared.byteSize() < bytes) {
      budget.charge(what, SLAB);
      shared = arena.allocate(SLAB, Double.BYTES);
    }
    MemorySegment piece = shared.asSlice(0, bytes);
    shared = shared.asSlice(Math.min(bytes + 7 & -8, shared.byteSize()));
    return piece;
  }

  /** Copies an element from so many bytes after the view's first. */
  private interface Copy {
    void element(long from, MemorySegment to) throws IOException;
  }

  /** Walks over the elements in row-major order, as an odometer does. */
  private static void gather(PickledTensor tensor, MemorySegment values, Copy copy)
      throws IOException {
    int elementBytes = tensor.storage().type().elementBytes();
    long[] index = new long[tensor.rank()];
    long from = 0;
    for (long to = 0; to < values.byteSize(); to += elementBytes) {
      copy.element(from * elementBytes, values.asSlice(to, elementBytes));
      for (int i = index.length - 1; i >= 0; i--) {
        from += tensor.stride(i);
        if (++index[i] < tensor.size(i)) {
          break;
        }
        from -= tensor.stride(i) * tensor.size(i);
        index[i] = 0;
      }
    }
  }

  private void swap(MemorySegment values, int elementBytes) {
    if (swapped) {
      for (long from = 0; from < values.byteSize(); from += elementBytes) {
        for (int i = 0; i < elementBytes / 2; i++) {
          long other = from + elementBytes - 1 - i;
          byte low = values.get(ValueLayout.JAVA_BYTE, from + i);
          values.set(ValueLayout.JAVA_BYTE, from + i, values.get(ValueLayout.JAVA_BYTE, other));
          values.set(ValueLayout.JAVA_BYTE, other, low);
        }
      }
    }
  }

  private static CheckpointException cause(CheckpointException refusal, Throwable cause) {
    refusal.initCause(cause);
    return refusal;
  }
}
