package dev.warpstep.cli;

import java.lang.module.ModuleDescriptor;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;

/**
 * The command line program. Exit status: 0 if what was compared is the same by bits, 1 if it is not
 * or the program is broken, 2 for arguments, data or a device it cannot work with.
 */
@Command(
    name = "warpstep",
    description = "Fused optimizers for Java, checked, and side by side with unfused ones.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    subcommands = {
      TrainCommand.class,
      BenchCommand.class,
      CurvesCommand.class,
      ScheduleCommand.class,
      SelfcheckCommand.class
    })
public final class Main {
  private Main() {}

  /** Runs the program and exits. */
  public static void main(String[] args) {
    // Before AWT loads: pictures are drawn without a display, also where there is one.
    System.setProperty("java.awt.headless", "true");
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    return new CommandLine(new Main()).setParameterExceptionHandler(Main::explain);
  }

  /** One message and where to read on, instead of picocli's whole help text. */
  private static int explain(ParameterException e, String[] args) {
    CommandLine commandLine = e.getCommandLine();
    commandLine.getErr().println(e.getMessage());
    CommandLine.UnmatchedArgumentException.printSuggestions(e, commandLine.getErr());
    commandLine.getErr().printf("Try '%s --help'.%n", commandLine.getCommandSpec().qualifiedName());
    return CommandLine.ExitCode.USAGE;
  }

  /** The version of the module, or of the jar on a class path. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      Module module = Main.class.getModule();
      String version =
          Optional.ofNullable(module.getDescriptor())
              .flatMap(ModuleDescriptor::rawVersion)
              .or(() -> Optional.ofNullable(Main.class.getPackage().getImplementationVersion()))
              .orElse("unpackaged");
      return new String[] {"warpstep " + version};
    }
  }
}
