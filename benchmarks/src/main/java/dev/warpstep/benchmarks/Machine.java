package dev.warpstep.benchmarks;

import dev.warpstep.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What every published number must come with. */
public final class Machine {
  private Machine() {}

  /** Prints one line about the machine. */
  public static void main(String[] args) throws IOException {
    try (Device device = Device.cpu()) {
      JsonLine.of("machine")
          .put("cpu", procFile("cpuinfo", "model name"))
          .put("processors", Runtime.getRuntime().availableProcessors())
          .put("memory", procFile("meminfo", "MemTotal"))
          .put("load", Files.readString(Path.of("/proc/loadavg")).split(" ")[0])
          .put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"))
          .put("jdk", System.getProperty("java.vm.name") + " " + Runtime.version())
          .put("device", device.description())
          .put("date", Instant.now().truncatedTo(ChronoUnit.MINUTES).toString())
          .print();
    }
  }

  private static String procFile(String file, String key) throws IOException {
    return Files.readAllLines(Path.of("/proc", file)).stream()
        .filter(line -> line.startsWith(key))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("unknown");
  }
}
