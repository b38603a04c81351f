package dev.warpstep.cli;

import dev.warpstep.Device;
import dev.warpstep.DeviceUnavailableException;
import dev.warpstep.cli.selfcheck.CheckedRule;
import dev.warpstep.cli.selfcheck.Finding;
import dev.warpstep.cli.selfcheck.Selfcheck;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What one runs first on a new machine: whether everything it has computes the same bits. */
@Command(
    name = "selfcheck",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = {
      "Runs every rule over tensors of many sizes and alignments, with values of every magnitude,"
          + " NaN and infinity among them, on the CUDA device and on the CPU with each of its"
          + " instruction sets, and compares all bits.",
      "Exit status: 0 if there is no difference, 1 if there is one or a device failed, 2 for bad"
          + " arguments or a device that was asked for and is not there."
    })
final class SelfcheckCommand implements Callable<Integer> {
  private final List<CheckedRule> rules;
  private final UnaryOperator<float[]> results;

  @Spec private CommandSpec command;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "best",
      description =
          "What is compared with the CPU: best, cuda or cuda:<ordinal>; cpu or cpu:<threads> leaves"
              + " CUDA out, and best does where there is none. Default: ${DEFAULT-VALUE}.")
  private String device;

  @Option(
      names = "--seed",
      paramLabel = "SEED",
      defaultValue = "1",
      description = "Of all values; any integer. Default: ${DEFAULT-VALUE}.")
  private long seed;

  SelfcheckCommand() {
    this(CheckedRule.ALL, UnaryOperator.identity());
  }

  /**
   * @param results what becomes of results before they are compared; see {@link Selfcheck}
   */
  SelfcheckCommand(List<CheckedRule> rules, UnaryOperator<float[]> results) {
    this.rules = rules;
    this.results = results;
  }

  /** The devices, and why CUDA is not among them, if it is not. */
  private static final class Devices implements AutoCloseable {
    final Map<String, Device> byColumn = new LinkedHashMap<>();
    Optional<String> withoutCuda = Optional.empty();

    /** For people; CUDA comes first if it is there. */
    String cuda() {
      return withoutCuda
          .map(cause -> "none: " + cause)
          .orElseGet(() -> byColumn.values().iterator().next().description());
    }

    @Override
    public void close() {
      byColumn.values().forEach(Device::close);
    }
  }

  @Override
  public Integer call() {
    PrintWriter out = command.commandLine().getOut();
    boolean cpuOnly = device.equals("cpu") || device.startsWith("cpu:");
    try (Devices devices = new Devices()) {
      if (cpuOnly) {
        RunOptions.openDevice(device, command.commandLine()).close();
        devices.withoutCuda = Optional.of("--device %s leaves it out".formatted(device));
      } else {
        openCuda(devices);
      }
      out.println("CUDA:      " + devices.cuda());
      int threads = RunOptions.cpuThreads(device);
      List<String> instructionSets = Device.cpuInstructionSets();
      try (Device reference = Device.cpu(threads, instructionSets.getLast())) {
        out.println("reference: " + reference.description());
        int otherThreads = threads == 1 ? 2 : 1;
        devices.byColumn.put(
            otherThreads == 1 ? "1 thread" : otherThreads + " threads",
            Device.cpu(otherThreads, instructionSets.getLast()));
        for (String name : instructionSets.subList(0, instructionSets.size() - 1).reversed()) {
          devices.byColumn.put(name, Device.cpu(threads, name));
        }
        Selfcheck selfcheck = new Selfcheck(seed, reference, results);
        out.printf("%s, seed %d%n", selfcheck.description(), seed);
        out.flush();
        int status = check(selfcheck, devices.byColumn);
        devices.withoutCuda.ifPresent(cause -> out.println("CUDA was not checked: " + cause));
        return status;
      }
    }
  }

  private void openCuda(Devices devices) {
    if (device.equals("best")) {
      try {
        devices.byColumn.put("cuda:0", Device.cuda());
      } catch (DeviceUnavailableException e) {
        devices.withoutCuda = Optional.of(e.getCause().getMessage());
      }
    } else {
      Device cuda = RunOptions.openDevice(device, command.commandLine());
      devices.byColumn.put(cuda.name(), cuda);
    }
  }

  /**
   * Compares, and prints a line for each rule.
   *
   * @return exit status, 0 or 1
   */
  private int check(Selfcheck selfcheck, Map<String, Device> devices) {
    List<String> columns = List.copyOf(devices.keySet());
    List<String> header = new ArrayList<>(List.of("rule"));
    header.addAll(columns);
    Table table = new Table(header);
    List<String> lines = new ArrayList<>();
    PrintWriter err = command.commandLine().getErr();
    try (Progress progress = Progress.start("selfcheck", err, rules.size())) {
      for (CheckedRule rule : rules) {
        Progress.Run run = progress.begin(rule.name());
        List<Optional<Finding>> findings = selfcheck.check(rule, List.copyOf(devices.values()));
        List<String> row = new ArrayList<>(List.of(rule.name()));
        for (int i = 0; i < columns.size(); i++) {
          String where = "%s on %s: ".formatted(rule.name(), columns.get(i));
          row.add(findings.get(i).map(Finding::kind).orElse("same"));
          findings.get(i).ifPresent(finding -> lines.add(where + finding.text()));
        }
        table.add(row);
        run.end();
      }
    }
    PrintWriter out = command.commandLine().getOut();
    out.println();
    table.print(out);
    out.println();
    out.println(
        "same: parameters after each step, and the state after the last, have the bits of the"
            + " reference");
    if (lines.isEmpty()) {
      out.println("Everything is the same, bit for bit.");
      return 0;
    }
    out.flush();
    lines.forEach(err::println);
    err.println(
        "Everything must be the same, bit for bit; it was not. Only the first difference of each is"
            + " told.");
    return 1;
  }
}
