package dev.warpstep.cli.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What every published number must come with. */
public final class MachineLine {
  private MachineLine() {}

  /**
   * The machine, the load it is under, and when.
   *
   * @param device a device's description
   */
  public static JsonLine of(String device) throws IOException {
    return JsonLine.of("machine")
        .put("cpu", procFile("cpuinfo", "model name"))
        .put("processors", Runtime.getRuntime().availableProcessors())
        .put("memory", procFile("meminfo", "MemTotal"))
        .put("load", Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0])
        .put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"))
        .put("jdk", System.getProperty("java.vm.name") + " " + Runtime.version())
        .put("device", device)
        .put("date", Instant.now().truncatedTo(ChronoUnit.MINUTES).toString());
  }

  private static String procFile(String file, String key) throws IOException {
    return Files.readAllLines(Path.of("/proc", file)).stream()
        .filter(line -> line.startsWith(key))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("unknown");
  }
}
