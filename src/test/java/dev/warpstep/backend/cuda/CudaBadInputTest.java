package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Adam;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Addresses and parameters that cannot be what the caller says. */
@OnCuda
class CudaBadInputTest {
  private static final int SIZE = 100;

  private CallersMemory memory;
  private Device device;
  private long address;

  @BeforeEach
  void open() {
    memory = new CallersMemory();
    device = Device.cuda();
    address = memory.allocate(SIZE * Float.BYTES);
  }

  @AfterEach
  void close() {
    device.close();
    memory.close();
  }

  /** As data and as gradient alike. */
  private void assertRefused(long bad, long elements, String why) {
    String data =
        assertThrows(
                IllegalArgumentException.class,
                () -> Parameter.ofDeviceMemory(device, "p", bad, elements))
            .getMessage();
    assertTrue(data.startsWith("parameter p: must ") && data.contains(why), data);
    try (Parameter parameter = Parameter.allocate(device, "p", elements)) {
      String gradient =
          assertThrows(IllegalArgumentException.class, () -> parameter.gradient(bad)).getMessage();
      assertTrue(
          gradient.startsWith("gradient of parameter p: must ") && gradient.contains(why),
          gradient);
    }
  }

  @Test
  void addressesOfOtherMemoryAreRefused() {
    assertRefused(0, 1, "must be a device address, was null");
    assertRefused(address + 2, 1, "must be aligned to 4 bytes");
    assertRefused(address, SIZE + 1, "its allocation has 400");
    assertRefused(address + 4, SIZE, "its allocation has 396");
    assertRefused(0x1000, 1, "the driver does not know 0x1000");
    try (Arena arena = Arena.ofConfined()) {
      assertRefused(arena.allocate(64, 64).address(), 1, "the driver does not know");
    }
    long freed = memory.allocate(1 << 20);
    memory.free(freed);
    assertRefused(freed, 1, "the driver does not know");
    Parameter.ofDeviceMemory(device, "last", address + 4 * (SIZE - 1), 1);
  }

  @Test
  void pageLockedHostMemoryIsRefused() {
    Pointer host = new Pointer();
    CallersMemory.check(JCudaDriver.cuCtxPushCurrent(memory.context()));
    CallersMemory.check(JCudaDriver.cuMemHostAlloc(host, 64, 0));
    try {
      long hostAddress = MemorySegment.ofBuffer(host.getByteBuffer(0, 64)).address();
      assertRefused(hostAddress, 1, "must be a device address, was host address");
    } finally {
      CallersMemory.check(JCudaDriver.cuMemFreeHost(host));
      CallersMemory.check(JCudaDriver.cuCtxPopCurrent(new CUcontext()));
    }
  }

  @Test
  void memoryAndParametersOfAnotherDeviceAreRefused() {
    CudaUnderTest.simulator().setDevices(2);
    try (CallersMemory other = new CallersMemory(1);
        Device second = Device.cuda(1)) {
      long foreign = other.allocate(64);
      assertRefused(foreign, 1, "must be memory of CUDA device 0, was of device 1");
      Parameter parameter = Parameter.ofDeviceMemory(second, "p", foreign, 1);
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> SGD.builder().build(device, List.of(parameter)))
              .getMessage();
      assertTrue(message.contains("parameters must be in memory of the device"), message);
    }
  }

  @Test
  void hostAndDeviceMemoryAreNotMixed() {
    Parameter onCpu = Parameter.of("p", new float[SIZE]);
    assertThrows(IllegalArgumentException.class, () -> SGD.builder().build(device, List.of(onCpu)));
    assertEquals(
        "parameter p is not in memory of a device",
        assertThrows(IllegalStateException.class, () -> onCpu.gradient(address)).getMessage());
    assertThrows(IllegalStateException.class, onCpu::deviceAddress);
    Parameter onCuda = Parameter.ofDeviceMemory(device, "q", address, SIZE);
    assertThrows(IllegalStateException.class, onCuda::data);
    try (Device cpu = Device.cpu(1)) {
      assertThrows(IllegalArgumentException.class, () -> SGD.builder().build(cpu, List.of(onCuda)));
      assertThrows(
          IllegalArgumentException.class, () -> Parameter.ofDeviceMemory(cpu, "p", address, SIZE));
    }
  }

  /** A gradient on the heap for values on the device would be read by a kernel. */
  @Test
  void aHostGradientOfADeviceParameterIsRefused() {
    Parameter parameter = Parameter.ofDeviceMemory(device, "p", address, SIZE);
    assertThrows(IllegalArgumentException.class, () -> parameter.gradient(new float[SIZE]));
  }

  @Test
  void overlapsAreRefused() {
    Parameter parameter = Parameter.ofDeviceMemory(device, "p", address, 50);
    assertThrows(IllegalArgumentException.class, () -> parameter.gradient(address + 4 * 49));
    Parameter second = Parameter.ofDeviceMemory(device, "q", address + 4 * 49, 51);
    parameter.gradient(memory.allocate(SIZE * Float.BYTES));
    second.gradient(memory.allocate(SIZE * Float.BYTES));
    try (Optimizer optimizer = Adam.builder().build(device, List.of(parameter, second))) {
      assertThrows(IllegalStateException.class, optimizer::step);
    }
  }

  @Test
  void sizesThatOverflowAreRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> Parameter.ofDeviceMemory(device, "p", address, Long.MAX_VALUE));
    assertThrows(
        IllegalArgumentException.class,
        () -> Parameter.ofDeviceMemory(device, "p", address, 1L << 32, 1L << 32));
  }

  @Test
  void aClosedParameterStopsTheStep() {
    Parameter parameter = Parameter.allocate(device, "p", SIZE);
    try (Optimizer optimizer = Adam.builder().build(device, List.of(parameter))) {
      optimizer.step();
      parameter.close();
      assertEquals(
          "parameter p is closed",
          assertThrows(IllegalStateException.class, optimizer::step).getMessage());
    }
  }
}
