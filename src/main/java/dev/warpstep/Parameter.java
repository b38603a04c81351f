package dev.warpstep;

import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import java.lang.foreign.MemorySegment;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
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
  private final Optional<Device> device;
  private final List<Optimizer> optimizers = new CopyOnWriteArrayList<>();
  private Optional<Storage> gradient = Optional.empty();
  private Optional<Storage> ownGradient = Optional.empty();
  private boolean closed;

  private Parameter(
      String name,
      List<Long> shape,
      Storage data,
      Optional<Device> device,
      Optional<StoragePool> pool) {
    this.name = name;
    this.device = device;
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
    Objects.requireNonNull(data, "data");
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
    return of(name, WrappedMemory.segment("parameter " + name, data), shape);
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
    Storage storage = WrappedMemory.of("parameter " + name, data);
    List<Long> dimensions =
        shape.length == 0 ? List.of(storage.elementCount()) : LongStream.of(shape).boxed().toList();
    long elements = elementCount(name, dimensions);
    if (elements != storage.elementCount()) {
      throw new IllegalArgumentException(
          "parameter %s: data must have the %d elements of shape %s, had %d"
              .formatted(name, elements, dimensions, storage.elementCount()));
    }
    return new Parameter(name, dimensions, storage, Optional.empty(), Optional.empty());
  }

  /**
   * A parameter in memory of a device, values and gradient zero. If its gradient is forgotten, as
   * {@link Optimizer#zeroGrad()} does, {@link #restoreGradient} brings it back.
   *
   * @param shape its dimensions; none means a scalar
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
      Parameter parameter =
          new Parameter(name, dimensions, data, Optional.of(device), Optional.of(pool));
      parameter.ownGradient = Optional.of(pool.allocate(elements));
      parameter.gradient = parameter.ownGradient;
      return parameter;
    } catch (RuntimeException | OutOfMemoryError e) {
      pool.close();
      throw e;
    }
  }

  /**
   * A parameter over device memory of the caller, who frees it after the last step.
   *
   * @param device that the memory belongs to
   * @param address of the first value, divisible by 4
   * @throws IllegalArgumentException if the name is blank, the shape is negative or too large, or
   *     the address is null, misaligned, not in memory of the device, or its allocation too short
   * @throws IllegalStateException if the device is closed
   * @see #of(String, float[], long...)
   */
  public static Parameter ofDeviceMemory(Device device, String name, long address, long... shape) {
    checkName(name);
    List<Long> dimensions = LongStream.of(shape).boxed().toList();
    Storage storage =
        WrappedMemory.of("parameter " + name, device, address, elementCount(name, dimensions));
    return new Parameter(name, dimensions, storage, Optional.of(device), Optional.empty());
  }

  /** Unique within an optimizer. */
  public String name() {
    return name;
  }

  /** Dimensions; empty for a scalar. */
  public List<Long> shape() {
    return shape;
  }

  /** Element type of values and gradient. */
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
   * @throws IllegalStateException if the parameter is closed, or in memory that Java cannot reach;
   *     see {@link #toArray}
   */
  public MemorySegment data() {
    return segmentOf(storage());
  }

  /**
   * The gradient, in place, or empty if there is none.
   *
   * @throws IllegalStateException if the parameter is closed, or in memory that Java cannot reach
   */
  public Optional<MemorySegment> gradient() {
    checkOpen();
    return gradient.map(this::segmentOf);
  }

  /** Whether there is a gradient. */
  public boolean hasGradient() {
    return gradient.isPresent();
  }

  /**
   * Where the values are on their device, for kernels of the caller and for parameters over a part
   * of them.
   *
   * @return address of the first value
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   */
  public long deviceAddress() {
    return storage().deviceAddress().orElseThrow(this::notOnDevice);
  }

  /**
   * Where the gradient is on its device: what a backward pass of the caller fills.
   *
   * @return address of the first value, or empty if there is no gradient
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   */
  public OptionalLong gradientDeviceAddress() {
    checkOpen();
    return gradient
        .map(storage -> OptionalLong.of(storage.deviceAddress().orElseThrow(this::notOnDevice)))
        .orElseGet(OptionalLong::empty);
  }

  /**
   * A copy of the values, wherever they are.
   *
   * @throws IllegalStateException if the parameter is closed or its memory was freed
   */
  public float[] toArray() {
    float[] values = new float[Math.toIntExact(elementCount())];
    storage().copyTo(MemorySegment.ofArray(values));
    return values;
  }

  /**
   * Replaces the values by a copy of others.
   *
   * @throws IllegalArgumentException if there are not as many as elements
   * @throws IllegalStateException if the parameter is closed or its memory was freed
   */
  public void copyFrom(float[] values) {
    checkLength("data", values.length);
    storage().copyFrom(MemorySegment.ofArray(values));
  }

  /**
   * Replaces the values of the gradient, where it is, by a copy of others.
   *
   * @throws IllegalArgumentException if there are not as many as elements
   * @throws IllegalStateException if the parameter is closed, has no gradient, or its memory was
   *     freed
   */
  public void copyGradientFrom(float[] values) {
    checkOpen();
    checkLength("gradient", values.length);
    gradient
        .orElseThrow(
            () -> new IllegalStateException("parameter %s has no gradient".formatted(name)))
        .copyFrom(MemorySegment.ofArray(values));
  }

  private void checkLength(String what, int length) {
    if (length != elementCount()) {
      throw new IllegalArgumentException(
          "parameter %s: %s must have %d elements, had %d"
              .formatted(name, what, elementCount(), length));
    }
  }

  /**
   * Sets where the gradient is. Giving the same memory again costs nothing in the next step.
   *
   * @return this
   * @throws IllegalArgumentException if it has another length than the data, or overlaps it
   * @throws IllegalStateException if the parameter is closed
   */
  public Parameter gradient(float[] newGradient) {
    Objects.requireNonNull(newGradient, "newGradient");
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
    return gradient(WrappedMemory.segment("gradient of parameter " + name, newGradient));
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
    return gradient(WrappedMemory.of("gradient of parameter " + name, newGradient));
  }

  /**
   * Sets where the gradient is in memory of the parameter's device.
   *
   * @param address of the first value, divisible by 4
   * @throws IllegalArgumentException if the address is null, misaligned, not in memory of the
   *     device, its allocation is shorter than the data, or it overlaps the data
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see #gradient(float[])
   */
  public Parameter gradient(long address) {
    checkOpen();
    Device owner = device.orElseThrow(this::notOnDevice);
    return gradient(
        WrappedMemory.of("gradient of parameter " + name, owner, address, elementCount()));
  }

  private Parameter gradient(Storage storage) {
    if (storage.elementCount() != elementCount()) {
      throw new IllegalArgumentException(
          "gradient of parameter %s: must have the parameter's %d elements, had %d"
              .formatted(name, elementCount(), storage.elementCount()));
    }
    if (storage.deviceAddress().isPresent() != data.deviceAddress().isPresent()) {
      throw new IllegalArgumentException(
          "gradient of parameter %s: must be in the memory that the data is in, was %s"
              .formatted(name, storage));
    }
    if (storage.range().overlaps(data.range())) {
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
   * Sets the gradient to the memory that came with {@link #allocate}, with the values it has.
   *
   * @return this
   * @throws IllegalStateException if the parameter is closed, or its memory is the caller's
   */
  public Parameter restoreGradient() {
    checkOpen();
    gradient =
        Optional.of(
            ownGradient.orElseThrow(
                () ->
                    new IllegalStateException(
                        "parameter %s was not allocated by the library".formatted(name))));
    notifyOptimizers();
    return this;
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
      pool.ifPresent(StoragePool::close);
      closed = true;
      notifyOptimizers();
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
    return Shapes.elementCount("parameter " + name, shape);
  }

  private IllegalStateException notOnDevice() {
    return new IllegalStateException("parameter %s is not in memory of a device".formatted(name));
  }

  private MemorySegment segmentOf(Storage storage) {
    if (storage instanceof HostStorage host) {
      return host.segment();
    }
    throw new IllegalStateException(
        "parameter %s is in device memory, which Java cannot reach".formatted(name));
  }
}
