package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Adam;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.error.DeviceLostException;
import dev.warpstep.error.DeviceMemoryException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import jcuda.driver.CUcontext;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may call when, from where, and what is left afterwards. */
@OnCuda
class CudaLifetimeTest {
  /** {@code -Dwarpstep.test.cycles=100000} takes some minutes. */
  private static final int CYCLES = Integer.getInteger("warpstep.test.cycles", 2_000);

  private static final int SIZE = 1_000;

  private static float[] filled(float value) {
    float[] values = new float[SIZE];
    Arrays.fill(values, value);
    return values;
  }

  @Test
  void cyclesOfCreateStepAndCloseLeaveNothing() {
    Simulator simulator = CudaUnderTest.simulator();
    try (CallersMemory memory = new CallersMemory();
        Device device = Device.cuda()) {
      Parameter parameter =
          Parameter.ofDeviceMemory(device, "p", memory.of(filled(1)), SIZE)
              .gradient(memory.of(filled(1)));
      long bytes = simulator.liveBytes();
      Object left = simulator.left();
      for (int cycle = 0; cycle < CYCLES; cycle++) {
        try (Optimizer optimizer = Adam.builder().build(device, List.of(parameter))) {
          optimizer.step();
        }
        if (cycle % 100 == 0) {
          assertEquals(bytes, simulator.liveBytes(), "bytes after cycle " + cycle);
          assertEquals(left, simulator.left(), "left after cycle " + cycle);
        }
      }
      System.out.printf("CudaLifetimeTest: %,d cycles%n", CYCLES);
    }
  }

  @Test
  void cyclesOfDevicesLeaveNothing() {
    for (int cycle = 0; cycle < 200; cycle++) {
      try (Device device = Device.cuda();
          Parameter parameter = Parameter.allocate(device, "p", 10)) {
        parameter.copyFrom(new float[10]);
      }
    }
  }

  @Test
  void closingWaitsForQueuedWork() {
    try (CallersMemory memory = new CallersMemory()) {
      long values = memory.of(filled(1));
      Device device = Device.cuda();
      Parameter parameter =
          Parameter.ofDeviceMemory(device, "p", values, SIZE).gradient(memory.of(filled(2)));
      Optimizer optimizer = SGD.builder().lr(0.25).build(device, List.of(parameter));
      optimizer.step();
      device.close();
      assertArrayEquals(filled(0.5f), memory.read(values, SIZE));
      optimizer.close();
    }
  }

  /** While the caller keeps the primary context alive, the driver cleans nothing up by itself. */
  @Test
  @SuppressWarnings("try") // the context that stays alive
  void aDeviceThatIsClosedFirstGivesEverythingBack() {
    Simulator simulator = CudaUnderTest.simulator();
    try (CallersMemory memory = new CallersMemory()) {
      Object left = simulator.left();
      Device device = Device.cuda();
      Parameter parameter = Parameter.allocate(device, "p", SIZE);
      Optimizer optimizer = Adam.builder().build(device, List.of(parameter));
      optimizer.step();
      device.close();
      assertEquals(left, simulator.left());
      for (Runnable use :
          List.<Runnable>of(
              optimizer::step,
              optimizer::stateDict,
              parameter::toArray,
              () -> parameter.copyFrom(new float[SIZE]),
              device::synchronize)) {
        assertThrows(IllegalStateException.class, use::run);
      }
      long calls = simulator.calls();
      optimizer.close();
      parameter.close();
      device.close();
      assertEquals(calls, simulator.calls(), "there was nothing to give back any more");
    }
  }

  @Test
  void otherThreadsMayStepReadAndClose() throws InterruptedException {
    try (CallersMemory memory = new CallersMemory()) {
      long values = memory.of(filled(1));
      Device device = Device.cuda();
      Parameter parameter =
          Parameter.ofDeviceMemory(device, "p", values, SIZE).gradient(memory.of(filled(2)));
      Optimizer optimizer = SGD.builder().lr(0.25).build(device, List.of(parameter));
      inAnotherThread(optimizer::step);
      inAnotherThread(() -> assertArrayEquals(filled(0.5f), parameter.toArray()));
      optimizer.step();
      inAnotherThread(optimizer::close);
      inAnotherThread(device::close);
      device.close();
      optimizer.close();
      assertArrayEquals(filled(0), memory.read(values, SIZE));
    }
  }

  private static void inAnotherThread(Runnable action) throws InterruptedException {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread thread = new Thread(action);
    thread.setUncaughtExceptionHandler((who, what) -> thrown.set(what));
    thread.start();
    thread.join();
    assertEquals(null, thrown.get());
  }

  /** The context of the caller is current again after each call, with either launcher. */
  @Test
  void aForeignContextIsRestored() {
    try (CallersMemory memory = new CallersMemory();
        Device device = Device.cuda()) {
      CUcontext foreign = new CUcontext();
      CallersMemory.check(JCudaDriver.cuCtxCreate(foreign, 0, memory.device()));
      Parameter parameter = Parameter.allocate(device, "p", SIZE);
      try (Optimizer optimizer = Adam.builder().build(device, List.of(parameter))) {
        optimizer.step();
        parameter.copyFrom(filled(1));
        optimizer.step();
        parameter.toArray();
        CUcontext current = new CUcontext();
        CallersMemory.check(JCudaDriver.cuCtxGetCurrent(current));
        assertEquals(foreign, current);
      } finally {
        parameter.close();
        CallersMemory.check(JCudaDriver.cuCtxDestroy(foreign));
      }
    }
  }

  /** A launch passes addresses of native memory, which must live as long as the prepared step. */
  @ParameterizedTest
  @ValueSource(strings = {"panama", "jcuda"})
  void launchArgumentsOutliveGarbageCollections(String launcher) {
    String before = System.setProperty(CudaBackend.LAUNCHER_PROPERTY, launcher);
    try (Device device = Device.cuda();
        Parameter parameter = Parameter.allocate(device, "p", SIZE);
        Optimizer optimizer = SGD.builder().lr(0.25).build(device, List.of(parameter))) {
      parameter.copyFrom(filled(1));
      parameter.copyGradientFrom(filled(2));
      for (int step = 1; step <= 20; step++) {
        optimizer.step();
        System.gc();
        for (int i = 0; i < 100; i++) {
          Arena.ofAuto().allocate(8L << (i % 8)).fill((byte) 0xA5); // where freed arguments lay
        }
        device.synchronize();
        assertArrayEquals(filled(1 - 0.5f * step), parameter.toArray());
      }
    } finally {
      CudaParityTest.restore(before);
    }
  }

  @Test
  void worksOnAStreamOfTheCaller() {
    try (CallersMemory memory = new CallersMemory()) {
      long values = memory.of(filled(1));
      CudaContext.Stream stream = memory.newStream();
      try (Device device = Device.cuda(0, stream.handle())) {
        Parameter parameter =
            Parameter.ofDeviceMemory(device, "p", values, SIZE).gradient(memory.of(filled(2)));
        try (Optimizer optimizer = SGD.builder().lr(0.25).build(device, List.of(parameter))) {
          optimizer.step();
        }
      }
      assertArrayEquals(filled(0.5f), memory.read(values, SIZE));
      memory.destroy(stream);
    }
  }

  @Test
  void aStreamOfAnotherContextIsRefused() {
    try (CallersMemory memory = new CallersMemory()) {
      CUcontext foreign = new CUcontext();
      CallersMemory.check(JCudaDriver.cuCtxCreate(foreign, 0, memory.device()));
      CudaContext.Stream stream = new CudaContext.Stream();
      CallersMemory.check(JCudaDriver.cuStreamCreate(stream, 0));
      String message =
          assertThrows(IllegalArgumentException.class, () -> Device.cuda(0, stream.handle()))
              .getMessage();
      assertTrue(message.contains("must be a live stream of the primary context"), message);
      CallersMemory.check(JCudaDriver.cuStreamDestroy(stream));
      CallersMemory.check(JCudaDriver.cuCtxDestroy(foreign));
    }
  }

  @Test
  void tooLittleMemoryNamesTheBytesAndLeavesTheDeviceUsable() {
    Simulator simulator = CudaUnderTest.simulator();
    simulator.setMemory(64L << 20);
    try (Device device = Device.cuda();
        Parameter small = Parameter.allocate(device, "small", SIZE)) {
      DeviceMemoryException thrown =
          assertThrows(
              DeviceMemoryException.class, () -> Parameter.allocate(device, "large", 20L << 20));
      assertEquals(80L << 20, thrown.bytesRequested());
      assertEquals(simulator.liveBytes(), thrown.bytesHeld());
      assertEquals((64L << 20) - simulator.liveBytes(), thrown.bytesFree());
      small.copyFrom(filled(3));
      assertArrayEquals(filled(3), small.toArray());
    }
  }

  /** Memory that the caller frees while a step still needs it. */
  @Test
  void aLostDeviceFailsEveryLaterCallAtOnce() {
    Simulator simulator = CudaUnderTest.simulator(); // a real device would be lost to all tests
    try (CallersMemory memory = new CallersMemory()) {
      Device device = Device.cuda();
      long gradient = memory.of(filled(2));
      Parameter parameter =
          Parameter.ofDeviceMemory(device, "p", memory.of(filled(1)), SIZE).gradient(gradient);
      Optimizer optimizer = Adam.builder().build(device, List.of(parameter));
      optimizer.step();
      memory.free(gradient);
      optimizer.step(); // nobody knows yet
      DeviceLostException first =
          assertThrows(DeviceLostException.class, () -> parameter.toArray());
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, first.code());
      long calls = simulator.calls();
      for (Runnable use :
          List.<Runnable>of(
              optimizer::step,
              optimizer::stateDict,
              parameter::toArray,
              () -> parameter.copyFrom(new float[SIZE]),
              () -> Parameter.allocate(device, "q", 1),
              device::synchronize)) {
        assertThrows(DeviceLostException.class, use::run);
      }
      assertEquals(calls, simulator.calls());
      optimizer.close();
      device.close();
    }
  }

  @Test
  void exceptionsOfJcudaBecomeOurs() {
    Simulator simulator = CudaUnderTest.simulator();
    JCudaDriver.setExceptionsEnabled(true);
    String before = System.setProperty(CudaBackend.LAUNCHER_PROPERTY, "jcuda");
    simulator.setMemory(8L << 20);
    try (Device device = Device.cuda();
        Parameter parameter = Parameter.allocate(device, "p", SIZE);
        Optimizer optimizer = SGD.builder().build(device, List.of(parameter))) {
      optimizer.step();
      assertThrows(
          DeviceMemoryException.class, () -> Parameter.allocate(device, "large", 20L << 20));
      simulator.failCall(
          Optional.of("cuLaunchKernel"), 1, CUresult.CUDA_ERROR_LAUNCH_FAILED, false);
      assertThrows(DeviceLostException.class, optimizer::step);
    } finally {
      JCudaDriver.setExceptionsEnabled(false);
      CudaParityTest.restore(before);
    }
  }
}
