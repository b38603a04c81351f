package dev.warpstep.backend.cuda;

import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceMemoryException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;
import jcuda.NativePointerObject;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * The primary context of one device, shared with everything else in the process that uses CUDA: it
 * is retained, never created or destroyed. Holds the stream that all work goes to, and counts what
 * is allocated.
 *
 * <p>Calls may come from any thread: each makes the context current for itself and restores what
 * was.
 */
final class CudaContext implements AutoCloseable {
  /** Asynchronous to the legacy default stream, which would wait for every other stream. */
  private static final int STREAM_NON_BLOCKING = 1;

  private final int ordinal;
  private final Driver driver = new Driver();
  private final CUdevice device = new CUdevice();
  private final Context context = new Context();
  private final Stream stream;
  private final boolean ownsStream;
  private final Set<Held> held = ConcurrentHashMap.newKeySet();
  private final AtomicLong bytesHeld = new AtomicLong();
  private volatile boolean closed;

  /** Something in this context that must be given back before the context is. */
  interface Held extends AutoCloseable {
    /** Idempotent; never throws. */
    @Override
    void close();
  }

  /**
   * A context whose handle can be read, for the driver's functions that are bound without JCuda.
   */
  private static final class Context extends CUcontext {
    long handle() {
      return getNativePointer();
    }
  }

  /** A stream whose handle can be read, or given. */
  static final class Stream extends CUstream {
    Stream() {}

    /**
     * A stream that somebody made without JCuda, which offers no way to name it but its own field.
     */
    Stream(long handle) {
      try {
        Field pointer = NativePointerObject.class.getDeclaredField("nativePointer");
        pointer.setAccessible(true);
        pointer.setLong(this, handle);
      } catch (ReflectiveOperationException e) {
        throw new LinkageError("this is not the JCuda that Warpstep was built with", e);
      }
    }

    long handle() {
      return getNativePointer();
    }
  }

  /** A device pointer whose address can be read, or given. */
  static final class Address extends CUdeviceptr {
    Address() {}

    Address(long address) {
      super(new CUdeviceptr(), address);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  /**
   * @param userStream a stream of the caller to work on, or empty for one of its own
   * @throws IllegalArgumentException if the stream belongs to another context
   * @throws DeviceException if a call of the driver fails; nothing stays retained
   */
  CudaContext(int ordinal, OptionalLong userStream) {
    this.ordinal = ordinal;
    this.ownsStream = userStream.isEmpty();
    this.stream = ownsStream ? new Stream() : new Stream(userStream.getAsLong());
    driver.call("cuDeviceGet", () -> JCudaDriver.cuDeviceGet(device, ordinal));
    driver.call(
        "cuDevicePrimaryCtxRetain", () -> JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    try {
      if (ownsStream) {
        call("cuStreamCreate", () -> JCudaDriver.cuStreamCreate(stream, STREAM_NON_BLOCKING));
      } else {
        checkStream();
      }
    } catch (DeviceException | IllegalArgumentException e) {
      driver.attemptAnyway(() -> JCudaDriver.cuDevicePrimaryCtxRelease(device));
      throw e;
    }
  }

  private void checkStream() {
    Context owner = new Context();
    try {
      call("cuStreamGetCtx", () -> JCudaDriver.cuStreamGetCtx(stream, owner));
    } catch (DeviceException e) {
      if (e.code() != CUresult.CUDA_ERROR_INVALID_HANDLE) {
        throw e;
      }
      // Destroyed, or, for all this driver says, of another context: owner stays null.
    }
    if (owner.handle() != handle()) {
      throw new IllegalArgumentException(
          "stream 0x%x must be a live stream of the primary context of CUDA device %d, but is not"
              .formatted(stream.handle(), ordinal));
    }
  }

  int ordinal() {
    return ordinal;
  }

  Driver driver() {
    return driver;
  }

  /** The context's handle. */
  long handle() {
    return context.handle();
  }

  CUcontext jcudaContext() {
    return context;
  }

  Stream stream() {
    return stream;
  }

  /** Whether {@link #close} was called. */
  boolean isClosed() {
    return closed;
  }

  /**
   * An attribute of the device.
   *
   * @param attribute a constant of {@link CUdevice_attribute}
   */
  int attribute(int attribute) {
    int[] value = new int[1];
    driver.call(
        "cuDeviceGetAttribute", () -> JCudaDriver.cuDeviceGetAttribute(value, attribute, device));
    return value[0];
  }

  /** The device's name. */
  String name() {
    byte[] name = new byte[256];
    driver.call("cuDeviceGetName", () -> JCudaDriver.cuDeviceGetName(name, name.length, device));
    return new String(name, StandardCharsets.UTF_8).replaceFirst("\0.*", "");
  }

  /**
   * Makes a call with the context current.
   *
   * @throws DeviceException if it fails
   */
  void call(String name, IntSupplier call) {
    driver.call(name, () -> whileCurrent(call));
  }

  private int whileCurrent(IntSupplier call) {
    int pushed = JCudaDriver.cuCtxPushCurrent(context);
    if (pushed != CUresult.CUDA_SUCCESS) {
      return pushed;
    }
    try {
      return call.getAsInt();
    } finally {
      JCudaDriver.cuCtxPopCurrent(new CUcontext());
    }
  }

  /** Remembers something, to close it with the context if nobody has done so before. */
  void hold(Held something) {
    held.add(something);
  }

  /** Forgets something that was closed. */
  void letGo(Held something) {
    held.remove(something);
  }

  /**
   * Allocates bytes, uninitialised, aligned to 256 bytes.
   *
   * @throws DeviceMemoryException if there is not enough memory
   */
  Address allocate(long sizeBytes) {
    Address address = new Address();
    try {
      call("cuMemAlloc", () -> JCudaDriver.cuMemAlloc(address, sizeBytes));
    } catch (DeviceException e) {
      if (e.code() == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
        throw new DeviceMemoryException(
            e.call(), e.code(), sizeBytes, bytesFree(), bytesHeld.get());
      }
      throw e;
    }
    bytesHeld.addAndGet(sizeBytes);
    return address;
  }

  private long bytesFree() {
    long[] free = new long[1];
    try {
      call("cuMemGetInfo", () -> JCudaDriver.cuMemGetInfo(free, new long[1]));
      return free[0];
    } catch (DeviceException e) {
      return -1;
    }
  }

  /**
   * Frees what {@link #allocate} returned. The driver waits until nothing on the device uses it.
   */
  void free(Address address, long sizeBytes) {
    bytesHeld.addAndGet(-sizeBytes);
    tidy(() -> JCudaDriver.cuMemFree(address));
  }

  /**
   * Makes a call that gives something back, whatever has happened before and whatever comes of it.
   */
  void tidy(IntSupplier call) {
    driver.attemptAnyway(() -> whileCurrent(call));
  }

  /** Waits until everything on the stream is done. */
  void synchronize() {
    call("cuStreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(stream));
  }

  /**
   * Waits for queued work, then gives back everything that is still held, the stream and the
   * context; idempotent.
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    tidy(() -> JCudaDriver.cuStreamSynchronize(stream));
    held.forEach(Held::close);
    if (ownsStream) {
      tidy(() -> JCudaDriver.cuStreamDestroy(stream));
    }
    driver.attemptAnyway(() -> JCudaDriver.cuDevicePrimaryCtxRelease(device));
  }
}
