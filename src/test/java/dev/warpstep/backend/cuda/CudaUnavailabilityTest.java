package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Device;
import dev.warpstep.DeviceUnavailableException;
import dev.warpstep.error.CudaUnavailableException;
import dev.warpstep.error.CudaUnavailableException.Reason;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each way of having no CUDA device is told apart, and the CPU steps in. */
@OnCuda
class CudaUnavailabilityTest {
  /** What a process says in which the driver was never initialised before. */
  static final class FreshProcess {
    /**
     * Prints the device that was chosen, and why.
     *
     * @param args what the software driver is told: {@code devices:0}, {@code driver:11080}, {@code
     *     fault:cuInit:999} or {@code nothing}
     */
    public static void main(String[] args) {
      Simulator simulator = Simulator.find().orElseThrow();
      String[] setting = args[0].split(":", -1);
      switch (setting[0]) {
        case "devices" -> simulator.setDevices(Integer.parseInt(setting[1]));
        case "driver" -> simulator.setDriverVersion(Integer.parseInt(setting[1]));
        case "fault" ->
            simulator.failCall(Optional.of(setting[1]), 1, Integer.parseInt(setting[2]), true);
        default -> {}
      }
      String reason =
          Device.cudaUnavailabilityCause()
              .map(cause -> ((CudaUnavailableException) cause).reason() + ": " + cause.getMessage())
              .orElse("available");
      simulator.clearFaults();
      try (Device best = Device.best()) {
        System.out.printf("result: %s: %s%n", best.name(), reason);
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "nothing          | cuda:0: available",
        "devices:0        | cpu: NO_DEVICE: the driver finds no CUDA device",
        "driver:11080     | cpu: DRIVER_TOO_OLD: the driver supports CUDA 11.8, 12.0 is needed",
        "fault:cuInit:999 | cpu: DRIVER_FAILED: cuInit: CUDA_ERROR_UNKNOWN (999)",
        "fault:cuDriverGetVersion:1"
            + " | cpu: DRIVER_FAILED: cuDriverGetVersion: CUDA_ERROR_INVALID_VALUE (1)",
      })
  void isFoundOutWhenTheDriverIsInitialised(String setting, String expected)
      throws IOException, InterruptedException {
    CudaUnderTest.simulator();
    assertEquals(List.of("result: " + expected), linesOfFreshProcess(setting));
  }

  private static List<String> linesOfFreshProcess(String setting)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    String module = FreshProcess.class.getModule().getName();
    String main = FreshProcess.class.getName();
    command.addAll(module == null ? List.of(main) : List.of("-m", module + "/" + main));
    command.add(setting);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output.lines().filter(line -> line.startsWith("result: ")).toList();
  }

  private static CudaUnavailableException cause(Executable open) {
    DeviceUnavailableException thrown = assertThrows(DeviceUnavailableException.class, open);
    return assertInstanceOf(CudaUnavailableException.class, thrown.getCause());
  }

  @Test
  void noDeviceOfThatOrdinal() {
    CudaUnavailableException cause = cause(() -> Device.cuda(4_321));
    assertEquals(Reason.NO_SUCH_DEVICE, cause.reason());
    assertTrue(cause.getMessage().endsWith("was 4321"), cause.getMessage());
    assertEquals(Reason.NO_SUCH_DEVICE, cause(() -> Device.cuda(-1)).reason());
  }

  @Test
  void noKernelForTheArchitecture() {
    Simulator simulator = CudaUnderTest.simulator();
    simulator.setArchitecture(7, 0);
    assertEquals(Reason.NO_KERNEL_FOR_ARCHITECTURE, cause(Device::cuda).reason());
    try (Device best = Device.best()) {
      assertEquals("cpu", best.name());
    }
    simulator.setArchitecture(9, 0);
    Device.cuda().close();
  }

  @Test
  void devicesThatVanishAfterwards() {
    CudaUnderTest.simulator().setDevices(0);
    assertEquals(Reason.NO_DEVICE, cause(Device::cuda).reason());
  }

  @Test
  void anyOtherFailureOfTheDriver() {
    Simulator simulator = CudaUnderTest.simulator();
    for (String call :
        List.of("cuDeviceGetCount", "cuDevicePrimaryCtxRetain", "cuModuleLoadData")) {
      simulator.failCall(Optional.of(call), 1, CUresult.CUDA_ERROR_OUT_OF_MEMORY, true);
      CudaUnavailableException cause = cause(Device::cuda);
      assertEquals(Reason.DRIVER_FAILED, cause.reason());
      assertEquals(call + ": CUDA_ERROR_OUT_OF_MEMORY (2)", cause.getMessage());
      simulator.clearFaults();
    }
  }

  @Test
  void anUnknownLauncherIsRefused() {
    String before = System.setProperty(CudaBackend.LAUNCHER_PROPERTY, "jni");
    try {
      assertEquals(
          "warpstep.launcher must be panama or jcuda, was jni",
          assertThrows(IllegalArgumentException.class, Device::cuda).getMessage());
    } finally {
      CudaParityTest.restore(before);
    }
  }
}
