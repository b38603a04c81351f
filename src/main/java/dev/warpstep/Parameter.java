package dev.warpstep;

import dev.warpstep.backend.ElementType;
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
 * <p>Values and gradient are memory of the caller, used in place and never copied: an array, a
 * {@link FloatBuffer} in native byte order, or a {@link MemorySegment} aligned to its elements; or
 * memory of the library, zero at first ({@link #allocate}). They must not overlap each other or
 * another parameter's. A parameter without a gradient is skipped by a step.
 *
 * <p>Values of fp32, fp16 and bf16 go with gradients of any of these; rules compute in fp32. Values
 * of fp64 go with gradients of fp64; rules compute in fp64.
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
  private Optional<Storage> master = Optional.empty();
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
    return of(name, DType.FLOAT32, MemorySegment.ofArray(data), shape);
  }

  /**
   * A parameter of fp64 values over an array.
   *
   * @throws IllegalArgumentException if the name is blank or the shape does not have as many
   *     elements as the data
   * @see #of(String, float[], long...)
   */
  public static Parameter of(String name, double[] data, long... shape) {
    Objects.requireNonNull(data, "data");
    return of(name, DType.FLOAT64, MemorySegment.ofArray(data), shape);
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
   * A parameter of fp32 values over memory.
   *
   * @throws IllegalArgumentException as for memory of any type
   * @throws IllegalStateException if the memory was freed
   * @see #of(String, DType, MemorySegment, long...)
   */
  public static Parameter of(String name, MemorySegment data, long... shape) {
    return of(name, DType.FLOAT32, data, shape);
  }

  /**
   * A parameter over memory.
   *
   * @param dtype what the memory holds, in native byte order
   * @param data native, or on the heap in a {@code float[]}, for 16-bit types a {@code short[]},
   *     for fp64 a {@code double[]}
   * @throws IllegalArgumentException as for an array, or if the memory is read-only, misaligned,
   *     not a whole number of values, or on the heap in another array
   * @throws IllegalStateException if the memory was freed
   * @see #of(String, float[], long...)
   */
  public static Parameter of(String name, DType dtype, MemorySegment data, long... shape) {
    checkName(name);
    Storage storage = WrappedMemory.of("parameter " + name, dtype, data);
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
   * A parameter of fp32 values in memory of a device.
   *
   * @throws IllegalArgumentException if the name is blank or a dimension is negative
   * @throws OutOfMemoryError if the device has not enough memory
   * @throws IllegalStateException if the device is closed
   * @see #allocate(Device, DType, String, long...)
   */
  public static Parameter allocate(Device device, String name, long... shape) {
    return allocate(device, DType.FLOAT32, name, shape);
  }

  /**
   * A parameter in memory of a device, values and gradient of one type and zero. If its gradient is
   * forgotten, as {@link Optimizer#zeroGrad()} does, {@link #restoreGradient} brings it back.
   *
   * @param shape its dimensions; none means a scalar
   * @throws IllegalArgumentException if the name is blank or a dimension is negative
   * @throws OutOfMemoryError if the device has not enough memory
   * @throws IllegalStateException if the device is closed
   */
  public static Parameter allocate(Device device, DType dtype, String name, long... shape) {
    checkName(name);
    List<Long> dimensions = LongStream.of(shape).boxed().toList();
    long elements = elementCount(name, dimensions);
    StoragePool pool = device.backend().newPool();
    try {
      Storage data = pool.allocate(dtype.elementType(), elements);
      Parameter parameter =
          new Parameter(name, dimensions, data, Optional.of(device), Optional.of(pool));
      parameter.ownGradient = Optional.of(pool.allocate(dtype.elementType(), elements));
      parameter.gradient = parameter.ownGradient;
      return parameter;
    } catch (RuntimeException | OutOfMemoryError e) {
      pool.close();
      throw e;
    }
  }

  /**
   * A parameter of fp32 values over device memory of the caller.
   *
   * @throws IllegalArgumentException as for memory of any type
   * @throws IllegalStateException if the device is closed
   * @see #ofDeviceMemory(Device, String, DType, long, long...)
   */
  public static Parameter ofDeviceMemory(Device device, String name, long address, long... shape) {
    return ofDeviceMemory(device, name, DType.FLOAT32, address, shape);
  }

  /**
   * A parameter over device memory of the caller, who frees it after the last step.
   *
   * @param device that the memory belongs to
   * @param address of the first value, divisible by its size
   * @throws IllegalArgumentException if the name is blank, the shape is negative or too large, or
   *     the address is null, misaligned, not in memory of the device, or its allocation too short
   * @throws IllegalStateException if the device is closed
   * @see #of(String, float[], long...)
   */
  public static Parameter ofDeviceMemory(
      Device device, String name, DType dtype, long address, long... shape) {
    checkName(name);
    List<Long> dimensions = LongStream.of(shape).boxed().toList();
    Storage storage =
        WrappedMemory.of(
            "parameter " + name, dtype, device, address, elementCount(name, dimensions));
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

  /** Element type of the values. */
  public DType dtype() {
    return DType.of(data.type());
  }

  /** Element type of the gradient, if there is one. */
  public Optional<DType> gradientDtype() {
    return gradient.map(storage -> DType.of(storage.type()));
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
   * A copy of the values, wherever they are. Those of fp64 are rounded; all others are exact.
   *
   * @throws IllegalStateException if the parameter is closed or its memory was freed
   */
  public float[] toArray() {
    return Values.floats(storage());
  }

  /**
   * A copy of the values, wherever they are, exact.
   *
   * @throws IllegalStateException if the parameter is closed or its memory was freed
   */
  public double[] toDoubleArray() {
    return Values.doubles(storage());
  }

  /**
   * Replaces the values by a copy of others, rounded to nearest. Optimizers with master weights of
   * the parameter have to be told: {@link Optimizer#reloadMasterWeights}.
   *
   * @throws IllegalArgumentException if there are not as many as elements
   * @throws IllegalStateException if the parameter is closed or its memory was freed
   */
  public void copyFrom(float[] values) {
    checkLength("data", values.length);
    Values.write(ElementType.FLOAT32, MemorySegment.ofArray(values), storage());
  }

  /**
   * Replaces the values by a copy of others.
   *
   * @throws IllegalArgumentException if there are not as many as elements
   * @throws IllegalStateException if the parameter is closed or its memory was freed
   * @see #copyFrom(float[])
   */
  public void copyFrom(double[] values) {
    checkLength("data", values.length);
    Values.write(ElementType.FLOAT64, MemorySegment.ofArray(values), storage());
  }

  /**
   * Replaces the values of the gradient, where it is, by a copy of others, rounded to nearest.
   *
   * @throws IllegalArgumentException if there are not as many as elements
   * @throws IllegalStateException if the parameter is closed, has no gradient, or its memory was
   *     freed
   */
  public void copyGradientFrom(float[] values) {
    checkOpen();
    checkLength("gradient", values.length);
    Values.write(
        ElementType.FLOAT32,
        MemorySegment.ofArray(values),
        gradient.orElseThrow(
            () -> new IllegalStateException("parameter %s has no gradient".formatted(name))));
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
    return gradient(DType.FLOAT32, MemorySegment.ofArray(newGradient));
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
    return gradient(
        DType.FLOAT32, WrappedMemory.segment("gradient of parameter " + name, newGradient));
  }

  /**
   * Sets where the gradient is, which is of the parameter's own type.
   *
   * @throws IllegalArgumentException if it has another length than the data, or is no memory that a
   *     parameter can have
   * @throws IllegalStateException if the parameter is closed or the memory was freed
   * @see #gradient(float[])
   */
  public Parameter gradient(MemorySegment newGradient) {
    return gradient(dtype(), newGradient);
  }

  /**
   * Sets where the gradient is.
   *
   * @param gradientDtype fp64 exactly if the parameter is
   * @throws IllegalArgumentException if the type does not go with the parameter's, or the gradient
   *     has another length than the data, or is no memory that a parameter can have
   * @throws IllegalStateException if the parameter is closed or the memory was freed
   * @see #gradient(float[])
   */
  public Parameter gradient(DType gradientDtype, MemorySegment newGradient) {
    checkOpen();
    checkGradientDtype(gradientDtype);
    return gradient(WrappedMemory.of("gradient of parameter " + name, gradientDtype, newGradient));
  }

  /**
   * Sets where the gradient is in memory of the parameter's device; it is of the parameter's own
   * type.
   *
   * @throws IllegalArgumentException as for a gradient of any type
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see #gradient(DType, long)
   */
  public Parameter gradient(long address) {
    return gradient(dtype(), address);
  }

  /**
   * Sets where the gradient is in memory of the parameter's device.
   *
   * @param gradientDtype fp64 exactly if the parameter is
   * @param address of the first value, divisible by its size
   * @throws IllegalArgumentException if the address is null, misaligned, not in memory of the
   *     device, its allocation is shorter than the data, or it overlaps the data
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see #gradient(float[])
   */
  public Parameter gradient(DType gradientDtype, long address) {
    checkOpen();
    checkGradientDtype(gradientDtype);
    Device owner = device.orElseThrow(this::notOnDevice);
    return gradient(
        WrappedMemory.of(
            "gradient of parameter " + name, gradientDtype, owner, address, elementCount()));
  }

  private void checkGradientDtype(DType gradientDtype) {
    if (gradientDtype.isDouble() != dtype().isDouble()) {
      throw new IllegalArgumentException(
          "gradient of parameter %s: must be of FLOAT64 exactly if the parameter is, was %s of a"
                  .formatted(name, gradientDtype)
              + " parameter of %s".formatted(dtype()));
    }
  }

  /**
   * Sets where the master weights of a 16-bit parameter are: its values in fp32, which steps update
   * and of which the parameter is a rounded copy, from the next step on. With memory of the caller,
   * whatever the optimizer's {@link MasterWeights} are.
   *
   * @return this
   * @throws IllegalArgumentException if the parameter is of fp32 or fp64, which needs none, or the
   *     memory has another length or is no memory that a parameter can have
   * @throws IllegalStateException if the parameter is closed or the memory was freed
   */
  public Parameter master(MemorySegment newMaster) {
    checkOpen();
    checkHasRoomForMaster();
    return master(WrappedMemory.of("master of parameter " + name, DType.FLOAT32, newMaster));
  }

  /**
   * Sets where the master weights of a 16-bit parameter are in memory of its device.
   *
   * @param address of the first fp32 value, divisible by 4
   * @return this
   * @throws IllegalArgumentException as for host memory, or if the memory is not of the device
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see #master(MemorySegment)
   */
  public Parameter master(long address) {
    checkOpen();
    checkHasRoomForMaster();
    Device owner = device.orElseThrow(this::notOnDevice);
    return master(
        WrappedMemory.of(
            "master of parameter " + name, DType.FLOAT32, owner, address, elementCount()));
  }

  private void checkHasRoomForMaster() {
    if (!dtype().isHalf()) {
      throw new IllegalArgumentException(
          "master weights of parameter %s: must be of a parameter of FLOAT16 or BFLOAT16, was of %s"
              .formatted(name, dtype()));
    }
  }

  private Parameter master(Storage storage) {
    checkFits("master of parameter", storage);
    master = Optional.of(storage);
    notifyOptimizers();
    return this;
  }

  private void checkFits(String what, Storage storage) {
    if (storage.elementCount() != elementCount()) {
      throw new IllegalArgumentException(
          "%s %s: must have the parameter's %d elements, had %d"
              .formatted(what, name, elementCount(), storage.elementCount()));
    }
    if (storage.deviceAddress().isPresent() != data.deviceAddress().isPresent()) {
      throw new IllegalArgumentException(
          "%s %s: must be in the memory that the data is in, was %s"
              .formatted(what, name, storage));
    }
    if (storage.range().overlaps(data.range())) {
      throw new IllegalArgumentException(
          "%s %s: must not overlap the parameter's data".formatted(what, name));
    }
  }

  private Parameter gradient(Storage storage) {
    checkFits("gradient of parameter", storage);
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

  /** Proves that values and master weights can be read and written by this thread now. */
  void checkMemory() {
    checkOpen();
    checkMemory(data);
    master.ifPresent(this::checkMemory);
  }

  private void checkMemory(Storage storage) {
    if (storage instanceof HostStorage host && host.segment().isNative()) {
      if (!host.segment().scope().isAlive()) {
        throw new IllegalStateException("memory of parameter %s was freed".formatted(name));
      }
      if (!host.segment().isAccessibleBy(Thread.currentThread())) {
        throw new WrongThreadException(
            "memory of parameter %s is confined to another thread".formatted(name));
      }
    }
  }

  Optional<Storage> gradientStorage() {
    checkOpen();
    return gradient;
  }

  /** Master weights that came with the parameter. */
  Optional<Storage> masterStorage() {
    return master;
  }

  boolean hasMaster() {
    return master.isPresent();
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
