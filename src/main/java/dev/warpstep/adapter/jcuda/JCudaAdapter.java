package dev.warpstep.adapter.jcuda;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.DeviceUnavailableException;
import dev.warpstep.Parameter;
import java.util.Optional;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;

/**
 * For programs that use JCuda themselves: its device pointers and streams where the façade takes
 * addresses and handles.
 *
 * <pre>{@code
 * Device device = JCudaAdapter.device(0, stream);
 * Parameter weight = JCudaAdapter.parameter(device, "weight", weights, 256, 784);
 * JCudaAdapter.gradient(weight, weightGradients);
 * }</pre>
 *
 * <p>A pointer may come from the driver API, a {@link CUdeviceptr}, or from the runtime API, a
 * {@link Pointer} that {@code cudaMalloc} filled: both mean the same addresses. Memory and streams
 * stay the caller's.
 */
public final class JCudaAdapter {
  private JCudaAdapter() {}

  /** A device pointer whose address can be read, or given. */
  private static final class Address extends CUdeviceptr {
    Address(long address) {
      super(new CUdeviceptr(), address);
    }
  }

  private static final class AddressOf extends Pointer {
    AddressOf(Pointer pointer) {
      super(pointer);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  private static final class HandleOf extends NativePointerObject {
    HandleOf(CUstream stream) {
      super(stream);
    }

    long value() {
      return getNativePointer();
    }
  }

  /**
   * A CUDA device that works on a stream of the caller.
   *
   * @throws IllegalArgumentException if the stream belongs to another context
   * @throws DeviceUnavailableException if there is no such device or CUDA is not available
   * @throws IllegalStateException if this jar lacks its kernels
   * @see Device#cuda(int, long)
   */
  public static Device device(int ordinal, CUstream stream) {
    return Device.cuda(ordinal, new HandleOf(stream).value());
  }

  /**
   * A parameter of fp32 values over device memory of the caller, who frees it after the last step.
   *
   * @param data the first value, divisible by 4
   * @param shape its dimensions; none means a scalar
   * @throws IllegalArgumentException if the name is blank, the shape is negative or too large, or
   *     the pointer is null, misaligned, not to memory of the device, or its allocation too short
   * @throws IllegalStateException if the device is closed
   * @see Parameter#ofDeviceMemory
   */
  public static Parameter parameter(Device device, String name, Pointer data, long... shape) {
    return Parameter.ofDeviceMemory(device, name, new AddressOf(data).value(), shape);
  }

  /**
   * A parameter over device memory of the caller, who frees it after the last step.
   *
   * @param data the first value, divisible by its size
   * @throws IllegalArgumentException as for fp32 values
   * @throws IllegalStateException if the device is closed
   * @see #parameter(Device, String, Pointer, long...)
   */
  public static Parameter parameter(
      Device device, String name, DType dtype, Pointer data, long... shape) {
    return Parameter.ofDeviceMemory(device, name, dtype, new AddressOf(data).value(), shape);
  }

  /**
   * Sets where a parameter's gradient is, and of which type.
   *
   * @throws IllegalArgumentException if the type does not go with the parameter's, or as for a
   *     gradient of its own type
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see Parameter#gradient(DType, long)
   */
  public static Parameter gradient(Parameter parameter, DType dtype, Pointer gradient) {
    return parameter.gradient(dtype, new AddressOf(gradient).value());
  }

  /**
   * Sets where the master weights of a 16-bit parameter are.
   *
   * @throws IllegalArgumentException if the parameter is not of 16 bits, or as for a gradient
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see Parameter#master(long)
   */
  public static Parameter master(Parameter parameter, Pointer master) {
    return parameter.master(new AddressOf(master).value());
  }

  /**
   * Sets where a parameter's gradient is. Giving the same memory again costs nothing in the next
   * step.
   *
   * @param gradient the first value, divisible by 4
   * @return the parameter
   * @throws IllegalArgumentException if the pointer is null, misaligned, not to memory of the
   *     parameter's device, its allocation is shorter than the data, or it overlaps the data
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   * @see Parameter#gradient(long)
   */
  public static Parameter gradient(Parameter parameter, Pointer gradient) {
    return parameter.gradient(new AddressOf(gradient).value());
  }

  /**
   * Where a parameter's values are, for kernels and cuBLAS calls of the caller.
   *
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   */
  public static CUdeviceptr data(Parameter parameter) {
    return new Address(parameter.deviceAddress());
  }

  /**
   * Where a parameter's gradient is, or empty if there is none.
   *
   * @throws IllegalStateException if the parameter is closed, or not in device memory
   */
  public static Optional<CUdeviceptr> gradient(Parameter parameter) {
    return parameter.gradientDeviceAddress().stream()
        .<CUdeviceptr>mapToObj(Address::new)
        .findFirst();
  }
}
