package dev.warpstep;

import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.LongStream;

/**
 * A tensor that trains: a name, a shape, values, and the gradient that the last backward pass left.
 *
 * <p>Values and gradient are memory of the caller, used in place and never copied: a {@code
 * float[]}, a {@link FloatBuffer} in native byte order, or a {@link MemorySegment} aligned to 4
 * bytes; or memory of the library, zero at first ({@link #allocate}). They must not overlap each
 * other or another parameter's. A parameter without a gradient is skipped by a step.
 *
 * <p>One thread at a time, together with the optimizers that hold the parameter. {@link #close} is
 * idempotent and frees what the library allocated; afterwards every use throws {@link
 * IllegalStateException}.
 */
public final class Parameter implements AutoCloseable {
  private final String name;
  private final List<Long> shape;
  private final Storage data;
  private final Optional<StoragePool> pool;
  private final List<Optimizer> optimizers = new CopyOnWriteArrayList<>();
  private Optional<Storage> gradient = Optional.empty();
  private boolean closed;

  private Parameter(String name, List<Long> shape, Storage data, Optional<StoragePool> pool) {
    this.name = name;
    this.shape = shape;
    this.data = data;
    this.pool = pool;
  }

  /**
   * A parameter over an array.
   *
   * @param name unique within an optimizer; state dicts use it
   * @param data the values, updated in place
   * @param shape its dimensions; none means one dimension as long as the data
   * @throws IllegalArgumentException if the name is blank or the shape does not have as many
   *     elements as the data
   */
  public static Parameter of(String name, float[] data, long... shape) {
    return of(name, MemorySegment.ofArray(data), shape);
  }

  /**
   * A parameter over the remaining elements of a buffer.
   *
   * @throws IllegalArgumentException as for an array, or if the buffer is read-only, not in native
   *     byte order, or a view of a heap array other than {@code float[]}
   * @see #of(String, float[], long...)
   */
  public static Parameter of(String name, FloatBuffer data, long... shape) {
    return of(name, segment("parameter " + name, data), shape);
  }

  /**
   * A parameter over memory.
   *
   * @throws IllegalArgumentException as for an array, or if the memory is read-only, misaligned,
   *     not a whole number of fp32 values, or on the heap in anything but a {@code float[]}
   * @throws IllegalStateException if the memory was freed
   * @see #of(String, float[], long...)
   */
  public static Parameter of(String name, MemorySegment data, long... shape) {
    checkName(name);
    Storage storage = wrap("parameter " + name, data);
    List<Long> dimensions =
        shape.length == 0 ? List.of(storage.elementCount()) : LongStream.of(shape).boxed().toList();
    long elements = elementCount(name, dimensions);
    if (elements != storage.elementCount()) {
      throw new IllegalArgumentException(
          "parameter %s: data must have the %d elements of shape %s, had %d"
              .formatted(name, elements, dimensions, storage.elementCount()));
    }
    return new Parameter(name, dimensions, storage, Optional.empty());
  }

  /**
   * A parameter in memory of a device, values and gradient zero.
   *
   * @throws IllegalArgumentException if the name is blank or a dimension is negative
   * @throws OutOfMemoryError if the device has not enough memory
   * @throws IllegalStateException if the device is closed
   */
  public static Parameter allocate(Device device, String name, long... shape) {
    checkName(name);
    List<Long> dimensions = LongStream.of(shape).boxed().toList();
    long elements = elementCount(name, dimensions);
    StoragePool pool = device.backend().newPool();
    try {
      Storage data = pool.allocate(elements);
      Parameter parameter = new Parameter(name, dimensions, data, Optional.of(pool));
      parameter.gradient = Optional.of(pool.allocate(elements));
      return parameter;
    } catch (OutOfMemoryError e) {
      pool.close();
      throw e;
    }
  }

  /** Unique within an optimizer. */
  public String name() {
    return name;
  }

  /** Dimensions; empty for a scalar. */
  public List<Long> shape() {
    return shape;
  }

  public DType dtype() {
    return DType.FLOAT32;
  }

  /** Product of the dimensions; 0 is legal. */
  public long elementCount() {
    return data.elementCount();
  }

  /**
   * The values, in place.
   *
   * @throws IllegalStateException if the parameter is closed
   */
  public MemorySegment data() {
    return segmentOf(storage());
  }

  /**
   * The gradient, in place, or empty if there is none.
   *
   * @throws IllegalStateException if the parameter is closed
   */
  public Optional<MemorySegment> gradient() {
    checkOpen();
    return gradient.map(Parameter::segmentOf);
  }

  /**
   * Sets where the gradient is. Giving the same memory again costs nothing in the next step.
   *
   * @return this
   * @throws IllegalArgumentException if it has another length than the data, or overlaps it
   * @throws IllegalStateException if the parameter is closed
   */
  public Parameter gradient(float[] newGradient) {
    return gradient(MemorySegment.ofArray(newGradient));
  }

  /**
   * Sets where the gradient is.
   *
   * @throws IllegalArgumentException if it has another length than the data, or is no memory that a
   *     parameter can have
   * @throws IllegalStateException if the parameter is closed
   * @see #gradient(float[])
   */
  public Parameter gradient(FloatBuffer newGradient) {
    return gradient(segment("gradient of parameter " + name, newGradient));
  }

  /**
   * Sets where the gradient is.
   *
   * @throws IllegalArgumentException if it has another length than the data, or is no memory that a
   *     parameter can have
   * @throws IllegalStateException if the parameter is closed or the memory was freed
   * @see #gradient(float[])
   */
  public Parameter gradient(MemorySegment newGradient) {
    checkOpen();
    Storage storage = wrap("gradient of parameter " + name, newGradient);
    if (storage.elementCount() != elementCount()) {
      throw new IllegalArgumentException(
          "gradient of parameter %s: must have the parameter's %d elements, had %d"
              .formatted(name, elementCount(), storage.elementCount()));
    }
    if (storage.overlaps(data)) {
      throw new IllegalArgumentException(
          "gradient of parameter %s: must not overlap the parameter's data".formatted(name));
    }
    gradient = Optional.of(storage);
    notifyOptimizers();
    return this;
  }

  /**
   * Forgets the gradient: steps skip the parameter until a gradient is set again.
   *
   * @throws IllegalStateException if the parameter is closed
   */
  public void clearGradient() {
    checkOpen();
    if (gradient.isPresent()) {
      gradient = Optional.empty();
      notifyOptimizers();
    }
  }

  /**
   * Sets every element of the gradient to zero, if there is one.
   *
   * @throws IllegalStateException if the parameter is closed or the gradient's memory was freed
   */
  public void zeroGradient() {
    checkOpen();
    gradient.ifPresent(Storage::fillZero);
  }

  Storage storage() {
    checkOpen();
    return data;
  }

  Optional<Storage> gradientStorage() {
    checkOpen();
    return gradient;
  }

  void attach(Optimizer optimizer) {
    optimizers.add(optimizer);
  }

  void detach(Optimizer optimizer) {
    optimizers.remove(optimizer);
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      notifyOptimizers();
      pool.ifPresent(StoragePool::close);
    }
  }

  @Override
  public String toString() {
    return "%s%s".formatted(name, shape);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("parameter %s is closed".formatted(name));
    }
  }

  private void notifyOptimizers() {
    for (Optimizer optimizer : optimizers) {
      optimizer.parametersChanged();
    }
  }

  private static void checkName(String name) {
    if (name.isBlank()) {
      throw new IllegalArgumentException("a parameter's name must not be blank");
    }
  }

  private static long elementCount(String name, List<Long> shape) {
    long elements = 1;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException(
            "parameter %s: dimensions must not be negative, shape was %s".formatted(name, shape));
      }
      try {
        elements = Math.multiplyExact(elements, dimension);
        Math.multiplyExact(elements, (long) Float.BYTES);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException(
            "parameter %s: shape %s is too large".formatted(name, shape), e);
      }
    }
    return elements;
  }

  private static Storage wrap(String owner, MemorySegment segment) {
    Objects.requireNonNull(segment, owner);
    try {
      return HostStorage.wrap(segment);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(owner + ": " + e.getMessage(), e);
    }
  }

  private static MemorySegment segment(String owner, FloatBuffer buffer) {
    if (buffer.order() != ByteOrder.nativeOrder()) {
      throw new IllegalArgumentException(
          "%s: buffer must be in native byte order %s, was %s"
              .formatted(owner, ByteOrder.nativeOrder(), buffer.order()));
    }
    return MemorySegment.ofBuffer(buffer);
  }

  private static MemorySegment segmentOf(Storage storage) {
    return ((HostStorage) storage).segment();
  }
}
