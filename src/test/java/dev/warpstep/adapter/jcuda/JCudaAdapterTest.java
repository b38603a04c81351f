package dev.warpstep.adapter.jcuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.backend.cuda.OnCuda;
import java.util.List;
import java.util.Optional;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A program that uses JCuda and knows nothing of addresses and handles. */
@OnCuda
class JCudaAdapterTest {
  private static final int SIZE = 3;

  private final CUdevice ordinal0 = new CUdevice();
  private final CUcontext context = new CUcontext();
  private final CUstream stream = new CUstream();
  private CUdeviceptr values;
  private CUdeviceptr gradients;
  private Device device;

  @BeforeEach
  void open() {
    check(JCudaDriver.cuInit(0));
    check(JCudaDriver.cuDeviceGet(ordinal0, 0));
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, ordinal0));
    check(JCudaDriver.cuCtxPushCurrent(context));
    check(JCudaDriver.cuStreamCreate(stream, 0));
    values = deviceCopy(1, 2, 3, 4);
    gradients = deviceCopy(8, 4, 2, 1);
    device = JCudaAdapter.device(0, stream);
  }

  @AfterEach
  void close() {
    device.close();
    check(JCudaDriver.cuMemFree(values));
    check(JCudaDriver.cuMemFree(gradients));
    check(JCudaDriver.cuStreamDestroy(stream));
    check(JCudaDriver.cuCtxPopCurrent(new CUcontext()));
    check(JCudaDriver.cuDevicePrimaryCtxRelease(ordinal0));
  }

  private static void check(int code) {
    assertEquals("CUDA_SUCCESS", CUresult.stringFor(code));
  }

  private static CUdeviceptr deviceCopy(float... numbers) {
    CUdeviceptr pointer = new CUdeviceptr();
    long sizeBytes = numbers.length * (long) Float.BYTES;
    check(JCudaDriver.cuMemAlloc(pointer, sizeBytes));
    check(JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(numbers), sizeBytes));
    return pointer;
  }

  private float[] read(CUdeviceptr pointer, int count) {
    float[] numbers = new float[count];
    check(JCudaDriver.cuStreamSynchronize(stream));
    check(JCudaDriver.cuMemcpyDtoH(Pointer.to(numbers), pointer, count * (long) Float.BYTES));
    return numbers;
  }

  @Test
  void pointersWithAnOffsetAreTrainedWhereTheyPoint() {
    Parameter parameter =
        JCudaAdapter.parameter(device, "p", values.withByteOffset(Float.BYTES), SIZE);
    JCudaAdapter.gradient(parameter, gradients);
    try (Optimizer sgd = SGD.builder().lr(0.5).build(device, List.of(parameter))) {
      sgd.step();
      assertArrayEquals(new float[] {1, 2 - 4, 3 - 2, 4 - 1}, read(values, SIZE + 1));
    }
  }

  /** What the library allocated is memory for JCuda's calls. */
  @Test
  void memoryOfTheLibraryIsFilledAndReadThroughPointers() {
    try (Parameter parameter = Parameter.allocate(device, "p", SIZE)) {
      CUdeviceptr gradient = JCudaAdapter.gradient(parameter).orElseThrow();
      check(JCudaDriver.cuMemcpyDtoDAsync(gradient, gradients, SIZE * (long) Float.BYTES, stream));
      try (Optimizer sgd = SGD.builder().lr(0.5).build(device, List.of(parameter))) {
        sgd.step();
        assertArrayEquals(new float[] {-4, -2, -1}, read(JCudaAdapter.data(parameter), SIZE));
      }
      parameter.clearGradient();
      assertEquals(Optional.empty(), JCudaAdapter.gradient(parameter));
    }
  }

  @Test
  void pointersToNothingAndToHostMemoryAreRefused() {
    for (Pointer bad : List.of(new CUdeviceptr(), new Pointer(), Pointer.to(new float[SIZE]))) {
      assertThrows(
          IllegalArgumentException.class, () -> JCudaAdapter.parameter(device, "p", bad, SIZE));
    }
    Parameter onCpu = Parameter.of("p", new float[SIZE]).gradient(new float[SIZE]);
    assertThrows(IllegalStateException.class, () -> JCudaAdapter.data(onCpu));
    assertThrows(IllegalStateException.class, () -> JCudaAdapter.gradient(onCpu));
    assertThrows(IllegalStateException.class, () -> JCudaAdapter.gradient(onCpu, gradients));
  }
}
