package dev.warpstep.unfused.cuda;

import dev.warpstep.Device;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.error.DeviceException;
import dev.warpstep.error.DeviceMemoryException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.IntSupplier;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * What a program that uses JCuda has: the primary context of a device, a stream, memory, and events
 * that measure the device's own time. The library's {@link #device} works on the same stream.
 *
 * <p>For the thread that opened it, whose current context it is until it is closed. {@link #close}
 * is idempotent and frees everything.
 */
public final class CudaWorkplace implements AutoCloseable {
  private final int ordinal;
  private final Device device;
  private final CUdevice handle = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final CUevent begin = new CUevent();
  private final CUevent end = new CUevent();
  private final Stream stream = new Stream();

  /** How to give back what was made, last first. */
  private final Deque<Runnable> owned = new ArrayDeque<>();

  private static final class Stream extends CUstream {
    long address() {
      return getNativePointer();
    }
  }

  /** A pointer whose address can be read. */
  private static final class Address extends Pointer {
    Address(Pointer pointer) {
      super(pointer);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  /**
   * Opens a device.
   *
   * @param ordinal of the device, from 0
   * @throws dev.warpstep.DeviceUnavailableException if there is no such device or CUDA is not
   *     available
   * @throws DeviceException if the driver fails
   */
  public CudaWorkplace(int ordinal) {
    this.ordinal = ordinal;
    Device first = Device.cuda(ordinal); // loads JCuda's native code where nobody else can reach it
    try {
      check("cuDeviceGet", JCudaDriver.cuDeviceGet(handle, ordinal));
      make(
          "cuDevicePrimaryCtxRetain",
          () -> JCudaDriver.cuDevicePrimaryCtxRetain(context, handle),
          () -> JCudaDriver.cuDevicePrimaryCtxRelease(handle));
      make(
          "cuCtxPushCurrent",
          () -> JCudaDriver.cuCtxPushCurrent(context),
          () -> JCudaDriver.cuCtxPopCurrent(new CUcontext()));
      make(
          "cuStreamCreate",
          () -> JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING),
          () -> JCudaDriver.cuStreamDestroy(stream));
      for (CUevent event : new CUevent[] {begin, end}) {
        make(
            "cuEventCreate",
            () -> JCudaDriver.cuEventCreate(event, 0),
            () -> JCudaDriver.cuEventDestroy(event));
      }
      this.device = JCudaAdapter.device(ordinal, stream);
      owned.push(device::close);
    } catch (RuntimeException e) {
      close();
      throw e;
    } finally {
      first.close();
    }
  }

  /** The library's device on this stream; closed with this. */
  public Device device() {
    return device;
  }

  /** The stream that everything here is queued on. */
  public CUstream stream() {
    return stream;
  }

  /** The stream's handle, for {@link Device#cuda(int, long)}. */
  public long streamHandle() {
    return stream.address();
  }

  /** Which device it is, from 0. */
  public int ordinal() {
    return ordinal;
  }

  /** An attribute of the device, one of {@link CUdevice_attribute}. */
  int attribute(int which) {
    int[] value = new int[1];
    check("cuDeviceGetAttribute", JCudaDriver.cuDeviceGetAttribute(value, which, handle));
    return value[0];
  }

  /** Size of the second-level cache in bytes. */
  public long cacheBytes() {
    return attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
  }

  /** Memory that nobody uses, in bytes. */
  public long freeBytes() {
    long[] free = new long[1];
    check("cuMemGetInfo", JCudaDriver.cuMemGetInfo(free, new long[1]));
    return free[0];
  }

  /** Memory of any content, 16 bytes at least; freed with this, unless {@link #free} does. */
  public CUdeviceptr allocate(long bytes) {
    CUdeviceptr pointer = new CUdeviceptr();
    int code = JCudaDriver.cuMemAlloc(pointer, Math.max(16, bytes));
    if (code == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new DeviceMemoryException("cuMemAlloc", code, bytes, freeBytes(), -1);
    }
    check("cuMemAlloc", code);
    return pointer;
  }

  /** Frees memory; waits for the stream first. */
  public void free(CUdeviceptr pointer) {
    synchronize();
    check("cuMemFree", JCudaDriver.cuMemFree(pointer));
  }

  /** Where a pointer points to. */
  static long address(Pointer pointer) {
    return new Address(pointer).value();
  }

  /** Copies within the device, in order with everything else on the stream. */
  public void copy(CUdeviceptr to, CUdeviceptr from, long bytes) {
    check("cuMemcpyDtoDAsync", JCudaDriver.cuMemcpyDtoDAsync(to, from, bytes, stream));
  }

  /** Copies to the device, and waits. */
  public void upload(CUdeviceptr to, MemorySegment from) {
    Pointer host = Pointer.toBuffer(from.asByteBuffer().order(ByteOrder.nativeOrder()));
    check("cuMemcpyHtoDAsync", JCudaDriver.cuMemcpyHtoDAsync(to, host, from.byteSize(), stream));
    synchronize();
  }

  /** Copies floats from the device, and waits. */
  public float[] download(CUdeviceptr from, int count) {
    float[] values = new float[count];
    synchronize();
    check(
        "cuMemcpyDtoH",
        JCudaDriver.cuMemcpyDtoH(Pointer.to(values), from, (long) Float.BYTES * count));
    return values;
  }

  /** Sets bytes to zero, in order with everything else on the stream. */
  public void clear(CUdeviceptr memory, long bytes) {
    check("cuMemsetD8Async", JCudaDriver.cuMemsetD8Async(memory, (byte) 0, bytes, stream));
  }

  /** Waits until everything on the stream is done. */
  public void synchronize() {
    check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
  }

  /** Marks on the stream where the time that {@link #stopClock} tells begins. */
  public void startClock() {
    check("cuEventRecord", JCudaDriver.cuEventRecord(begin, stream));
  }

  /**
   * The time that the device took for what was queued since {@link #startClock}, between two events
   * on the stream. The host's time shows only where the device waited for it.
   *
   * @return milliseconds
   */
  public double stopClock() {
    check("cuEventRecord", JCudaDriver.cuEventRecord(end, stream));
    check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(end));
    float[] milliseconds = new float[1];
    check("cuEventElapsedTime", JCudaDriver.cuEventElapsedTime(milliseconds, begin, end));
    return milliseconds[0];
  }

  /** Makes something that is given back with this. */
  void make(String call, IntSupplier maker, Runnable giveBack) {
    check(call, maker.getAsInt());
    owned.push(giveBack);
  }

  /**
   * Turns what the driver returned into an exception, or nothing.
   *
   * @throws DeviceException unless the call succeeded
   */
  public static void check(String call, int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new DeviceException(
          call, code, "%s: %s (%d)".formatted(call, CUresult.stringFor(code), code));
    }
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().run();
    }
  }
}
