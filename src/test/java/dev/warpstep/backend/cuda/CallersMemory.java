package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * What a program that uses JCuda itself has: the primary context of a device, device memory in it,
 * streams. Everything is freed on close.
 */
final class CallersMemory implements AutoCloseable {
  private final CUdevice device = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final Map<Long, CudaContext.Address> allocations = new HashMap<>();

  CallersMemory() {
    this(0);
  }

  CallersMemory(int ordinal) {
    check(JCudaDriver.cuInit(0));
    check(JCudaDriver.cuDeviceGet(device, ordinal));
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
  }

  /** Bytes of device memory, uninitialised. */
  long allocate(long sizeBytes) {
    CudaContext.Address address = new CudaContext.Address();
    inContext(() -> check(JCudaDriver.cuMemAlloc(address, sizeBytes)));
    allocations.put(address.value(), address);
    return address.value();
  }

  /** Values in device memory of their own. */
  long of(float[] values) {
    long address = allocate(Math.max(values.length, 1) * (long) Float.BYTES);
    write(address, values);
    return address;
  }

  void write(long address, float[] values) {
    inContext(
        () ->
            check(
                JCudaDriver.cuMemcpyHtoD(
                    new CudaContext.Address(address),
                    Pointer.to(values),
                    values.length * (long) Float.BYTES)));
  }

  /** Values, after everything that the device was given to do. */
  float[] read(long address, int count) {
    float[] values = new float[count];
    inContext(
        () -> {
          check(JCudaDriver.cuCtxSynchronize());
          check(
              JCudaDriver.cuMemcpyDtoH(
                  Pointer.to(values),
                  new CudaContext.Address(address),
                  count * (long) Float.BYTES));
        });
    return values;
  }

  /** Copies native memory to the device. */
  void write(long address, MemorySegment values) {
    inContext(
        () ->
            check(
                JCudaDriver.cuMemcpyHtoD(
                    new CudaContext.Address(address),
                    Pointer.toBuffer(values.asByteBuffer()),
                    values.byteSize())));
  }

  /** Copies to native memory, after everything that the device was given to do. */
  void read(long address, MemorySegment values) {
    inContext(
        () -> {
          check(JCudaDriver.cuCtxSynchronize());
          check(
              JCudaDriver.cuMemcpyDtoH(
                  Pointer.toBuffer(values.asByteBuffer()),
                  new CudaContext.Address(address),
                  values.byteSize()));
        });
  }

  void free(long address) {
    CudaContext.Address known = allocations.remove(address);
    inContext(() -> check(JCudaDriver.cuMemFree(known)));
  }

  /** A stream of this context. */
  CudaContext.Stream newStream() {
    CudaContext.Stream stream = new CudaContext.Stream();
    inContext(() -> check(JCudaDriver.cuStreamCreate(stream, 0)));
    return stream;
  }

  void destroy(CUstream stream) {
    inContext(() -> check(JCudaDriver.cuStreamDestroy(stream)));
  }

  CUcontext context() {
    return context;
  }

  CUdevice device() {
    return device;
  }

  private void inContext(Runnable calls) {
    check(JCudaDriver.cuCtxPushCurrent(context));
    try {
      calls.run();
    } finally {
      check(JCudaDriver.cuCtxPopCurrent(new CUcontext()));
    }
  }

  static void check(int code) {
    assertEquals("CUDA_SUCCESS", CUresult.stringFor(code));
  }

  @Override
  public void close() {
    inContext(() -> allocations.values().forEach(JCudaDriver::cuMemFree));
    allocations.clear();
    check(JCudaDriver.cuDevicePrimaryCtxRelease(device));
  }
}
