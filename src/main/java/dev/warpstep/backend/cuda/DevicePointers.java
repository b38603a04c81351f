package dev.warpstep.backend.cuda;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Storage;
import dev.warpstep.error.DeviceException;
import jcuda.Pointer;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** What the driver knows of an address that the caller says is device memory. */
final class DevicePointers {
  private static final int MEMORY_TYPE_HOST = 1;

  private DevicePointers() {}

  /**
   * @throws IllegalArgumentException if the address cannot be what the caller says
   */
  static Storage wrap(CudaContext context, long address, ElementType type, long elementCount) {
    if (address == 0) {
      throw new IllegalArgumentException("must be a device address, was null");
    }
    if (address % type.sizeBytes() != 0) {
      throw new IllegalArgumentException(
          "must be aligned to %d bytes, was device address 0x%x"
              .formatted(type.sizeBytes(), address));
    }
    CudaContext.Address pointer = new CudaContext.Address(address);
    int memoryType =
        (int) attribute(context, pointer, CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
    if (memoryType == MEMORY_TYPE_HOST) {
      throw new IllegalArgumentException(
          "must be a device address, was host address 0x%x".formatted(address));
    }
    long ordinal =
        attribute(context, pointer, CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
    if ((int) ordinal != context.ordinal()) {
      throw new IllegalArgumentException(
          "must be memory of CUDA device %d, was of device %d"
              .formatted(context.ordinal(), (int) ordinal));
    }
    long sizeBytes = Math.multiplyExact(elementCount, (long) type.sizeBytes());
    long rangeEnd =
        attribute(context, pointer, CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR)
            + attribute(context, pointer, CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_SIZE);
    if (rangeEnd - address < sizeBytes) {
      throw new IllegalArgumentException(
          "must have %d bytes behind address 0x%x, its allocation has %d"
              .formatted(sizeBytes, address, rangeEnd - address));
    }
    return new CudaStorage(context, address, type, elementCount, () -> true);
  }

  private static long attribute(CudaContext context, CudaContext.Address pointer, int attribute) {
    long[] value = new long[1];
    try {
      context.call(
          "cuPointerGetAttribute",
          () -> JCudaDriver.cuPointerGetAttribute(Pointer.to(value), attribute, pointer));
    } catch (DeviceException e) {
      if (e.code() != CUresult.CUDA_ERROR_INVALID_VALUE) {
        throw e;
      }
      throw new IllegalArgumentException(
          "must be a device address, the driver does not know 0x%x".formatted(pointer.value()), e);
    }
    return value[0];
  }
}
