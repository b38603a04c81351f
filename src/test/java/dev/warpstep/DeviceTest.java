package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

final class DeviceTest {
  @Test
  void isChosenByName() {
    try (Device one = Device.of("cpu:1");
        Device all = Device.of("cpu")) {
      assertTrue(one.description().endsWith(" 1 thread"), one.description());
      assertEquals("cpu", all.name());
    }
    for (String unknown : List.of("gpu", "", "cpu:0", "cpu:-1", "cpu:many", "CPU")) {
      assertEquals(
          "device must be best, cpu, cpu:<threads>, cuda or cuda:<ordinal>, was " + unknown,
          assertThrows(IllegalArgumentException.class, () -> Device.of(unknown)).getMessage());
    }
    assertEquals(
        "threads must be in [1, 9999], was 0",
        assertThrows(IllegalArgumentException.class, () -> Device.cpu(0)).getMessage());
  }

  @Test
  void fallsBackToTheCpuAndKeepsTheCause() {
    try (Device device = Device.best()) {
      if (Device.cudaUnavailabilityCause().isPresent()) {
        assertEquals("cpu", device.name());
      }
    }
  }

  @Test
  void throwsTheCauseWhenCudaIsForced() {
    Device.cudaUnavailabilityCause()
        .ifPresent(
            cause -> {
              DeviceUnavailableException thrown =
                  assertThrows(DeviceUnavailableException.class, Device::cuda);
              assertEquals(cause.getMessage(), thrown.getCause().getMessage());
              assertTrue(thrown.getMessage().contains(cause.getMessage()), thrown.getMessage());
            });
  }

  @Test
  void refusesAnUnknownInstructionSet() {
    String before = System.setProperty("warpstep.cpu.isa", "mmx");
    try {
      String message = assertThrows(IllegalArgumentException.class, Device::cpu).getMessage();
      assertTrue(message.startsWith("warpstep.cpu.isa must be one of [baseline"), message);
      assertTrue(message.endsWith("was mmx"), message);
    } finally {
      if (before == null) {
        System.clearProperty("warpstep.cpu.isa");
      } else {
        System.setProperty("warpstep.cpu.isa", before);
      }
    }
  }

  @Test
  void runsOnAnyInstructionSetThatTheProcessorHas() {
    for (String name : Device.cpuInstructionSets()) {
      try (Device device = Device.cpu(2, name)) {
        device.synchronize();
        assertEquals("CPU, %s, 2 threads".formatted(name), device.description());
      }
    }
    String message =
        assertThrows(IllegalArgumentException.class, () -> Device.cpu(2, "mmx")).getMessage();
    assertTrue(message.endsWith("was mmx"), message);
  }

  @Test
  void isUnusableAfterClose() {
    Device device = Device.cpu(2);
    Parameter parameter = Parameter.of("p", new float[1]).gradient(new float[1]);
    Adam adam = Adam.builder().build(device, List.of(parameter));
    adam.step();
    assertSame(device, adam.device());
    device.close();
    device.close();
    List<Parameter> parameters = List.of(parameter);
    for (Runnable use :
        List.<Runnable>of(
            adam::step,
            adam::stateDict,
            device::synchronize,
            () -> Parameter.allocate(device, "q", 1),
            () -> SGD.builder().build(device, parameters))) {
      assertEquals(
          "device cpu is closed", assertThrows(IllegalStateException.class, use::run).getMessage());
    }
    adam.close();
    adam.close();
  }
}
