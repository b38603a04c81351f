package dev.warpstep.checkpoint.torch;

import java.util.Arrays;

/** A tensor of a pickle: a view of a storage, not read yet. Offset and strides are in elements. */
final class PickledTensor {
  private final PickledStorage storage;
  private final long offset;
  private final long[] shape;
  private final long[] strides;

  PickledTensor(PickledStorage storage, long offset, long[] shape, long[] strides) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }

  PickledStorage storage() {
    return storage;
  }

  long offset() {
    return offset;
  }

  int rank() {
    return shape.length;
  }

  long size(int dimension) {
    return shape[dimension];
  }

  long stride(int dimension) {
    return strides[dimension];
  }

  /**
   * Product of the sizes; 1 for a scalar.
   *
   * @throws ArithmeticException if it is beyond a long
   */
  long elementCount() {
    return Arrays.stream(shape).anyMatch(size -> size == 0)
        ? 0
        : Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  /**
   * How many elements lie from the first one to the last one in the storage.
   *
   * @throws ArithmeticException if it is beyond a long
   */
  long span() {
    if (elementCount() == 0) {
      return 0;
    }
    long last = 0;
    for (int i = 0; i < shape.length; i++) {
      last = Math.addExact(last, Math.multiplyExact(shape[i] - 1, strides[i]));
    }
    return Math.addExact(last, 1);
  }

  /** What it takes of the heap. */
  long bytes() {
    return Footprint.pickledTensor(shape.length);
  }

  /** Whether the elements lie in row-major order without gaps. */
  boolean isContiguous() {
    long expected = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      if (shape[i] != 1) {
        if (strides[i] != expected) {
          return false;
        }
        expected *= shape[i];
      }
    }
    return true;
  }
}
