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
  /** Of a tensor besides its values, with the maps that it is in. */
  private static final int TENSOR_BYTES = 320;

  /** Tensors up to here share memory: each piece of native memory has a price of its own. */
  private static final int SMALL = 4 << 10;

  private static final int SLAB = 64 << 10;

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

  /**
   * A tensor's values in row-major order.
   *
   * @param what it is, for messages
   * @throws IOException if it is of a type that no state has, or its storage is missing or of
   *     another size
   */
  StateTensor load(String what, PickledTensor tensor) throws IOException {
    StorageType type = tensor.storage().type();
    DType dtype =
        type.dtype()
            .orElseThrow(
                () -> source.refuse(what, "must be of floating point, was %s", type.className()));
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < tensor.rank(); i++) {
      shape.add(tensor.size(i));
    }
    MemorySegment values = read(what, tensor);
    try {
      return new StateTensor(dtype, shape, values);
    } catch (IllegalArgumentException e) {
      throw cause(source.refuse(what, "%s", e.getMessage()), e);
    }
  }

  /**
   * The number that a tensor of one element holds.
   *
   * @throws IOException as {@link #load}, or if it has another number of elements
   */
  double scalar(String what, PickledTensor tensor) throws IOException {
    if (tensor.elementCount() != 1) {
      throw source.refuse(what, "must be one number, had %d", tensor.elementCount());
    }
    MemorySegment value = read(what, tensor);
    return switch (tensor.storage().type()) {
      case LONG -> value.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
      case INT -> value.get(ValueLayout.JAVA_INT_UNALIGNED, 0);
      default -> load(what, tensor).toDoubleArray()[0];
    };
  }

  private MemorySegment read(String what, PickledTensor tensor) throws IOException {
    PickledStorage storage = tensor.storage();
    ZipRecord record = archive.record("data/" + storage.key());
    int elementBytes = storage.type().elementBytes();
    long elements = tensor.elementCount();
    if (record.size() % elementBytes != 0
        || record.size() / elementBytes != storage.elementCount()) {
      throw source.refuse(
          record.name(),
          "must have %d elements of %d bytes, has %d bytes",
          storage.elementCount(),
          elementBytes,
          record.size());
    }
    if (elements > source.size() * DENSE) {
      throw source.refuse(what, "has %d elements, more than the file could hold", elements);
    }
    budget.charge(what, TENSOR_BYTES);
    MemorySegment values = allocate(what, elements * elementBytes);
    long start = record.offset() + tensor.offset() * elementBytes;
    if (elements > 0) {
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
    return values;
  }

  private MemorySegment allocate(String what, long bytes) throws CheckpointException {
    if (bytes > SMALL) {
      budget.charge(what, bytes);
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
