package dev.warpstep.cli;

import dev.warpstep.Device;
import dev.warpstep.DeviceUnavailableException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of every command that trains. */
final class RunOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "best",
      description =
          "Where fused steps run: best, cpu, cpu:<threads>, cuda or cuda:<ordinal>. Default:"
              + " ${DEFAULT-VALUE}.")
  private String device;

  @Option(
      names = "--seed",
      paramLabel = "SEED",
      defaultValue = "1",
      description =
          "Of initial weights, order of samples and noise; any integer. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "target/warpstep",
      description = "Where pictures go; created if missing. Default: ${DEFAULT-VALUE}.")
  private Path output;

  /** A device to be closed by the caller. */
  Device openDevice() {
    return openDevice(device, command.commandLine());
  }

  /** A device to be closed by the caller, by the name that the option was given. */
  static Device openDevice(String name, CommandLine commandLine) {
    try {
      return Device.of(name);
    } catch (IllegalArgumentException | DeviceUnavailableException e) {
      throw new ParameterException(
          commandLine, "--device %s: %s".formatted(name, e.getMessage()), e);
    }
  }

  /** As many as the fused step has: a comparison differs in one thing. */
  int unfusedThreads() {
    return cpuThreads(device);
  }

  /** Threads of a device by name, or as many as there are processors. */
  static int cpuThreads(String name) {
    return name.startsWith("cpu:")
        ? Integer.parseInt(name.substring("cpu:".length()))
        : Runtime.getRuntime().availableProcessors();
  }

  long seed() {
    return seed;
  }

  /** A file to be written in the output directory, which exists now. */
  Path outputFile(String name) {
    return outputFile(output, name, command.commandLine());
  }

  /** A file to be written in a directory, which exists now. */
  static Path outputFile(Path output, String name, CommandLine commandLine) {
    try {
      Path directory = Files.createDirectories(output);
      if (!Files.isWritable(directory)) {
        throw new AccessDeniedException(directory.toString());
      }
      return directory.resolve(name);
    } catch (IOException e) {
      throw new ParameterException(
          commandLine,
          "--output %s: must be a directory that can be written, was not: %s".formatted(output, e),
          e);
    }
  }
}
