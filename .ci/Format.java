import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/**
 * Checks or applies the formatting of all sources: Java by google-java-format, C++ and CUDA by
 * clang-format 14. Run by Maven: {@code mvn verify} checks, {@code mvn -Pformat validate} applies.
 *
 * <p>Without clang-format 14 (CLANG_FORMAT, or on PATH) the C++ sources are left out, with one line
 * that says so.
 */
final class Format {
  private static final List<Path> JAVA_ROOTS =
      List.of(Path.of("src"), Path.of("benchmarks"), Path.of(".ci"));
  private static final List<Path> CPP_ROOTS = List.of(Path.of("kernels"), Path.of("native"));
  private static final Path GENERATED = Path.of("native", "bindings", "java");

  public static void main(String[] args) throws IOException, InterruptedException {
    if (args.length != 1 || !List.of("check", "apply").contains(args[0])) {
      throw new IllegalArgumentException("one of check, apply; was " + List.of(args));
    }
    boolean apply = args[0].equals("apply");
    boolean clean = formatJava(apply) & formatCpp(apply);
    if (!clean) {
      System.err.println("format: mvn -Pformat validate puts it in order");
      System.exit(1);
    }
  }

  private static boolean formatJava(boolean apply) throws IOException {
    List<String> command =
        new ArrayList<>(
            apply ? List.of("--replace") : List.of("--dry-run", "--set-exit-if-changed"));
    List<String> sources = sources(JAVA_ROOTS, List.of(".java"));
    command.addAll(sources);
    ToolProvider tool = ToolProvider.findFirst("google-java-format").orElseThrow();
    int status = tool.run(System.out, System.err, command.toArray(String[]::new));
    report(sources, "Java", apply, status);
    return status == 0;
  }

  private static boolean formatCpp(boolean apply) throws IOException, InterruptedException {
    Optional<String> tool = clangFormat();
    if (tool.isEmpty()) {
      System.out.println(
          "format: C++ and CUDA left out, clang-format 14 is not on PATH nor named by"
              + " CLANG_FORMAT");
      return true;
    }
    List<String> sources = sources(CPP_ROOTS, List.of(".h", ".cuh", ".cu", ".cpp"));
    int status = 0;
    for (String source : sources) {
      // Without -i it prints the file as it should be.
      List<String> command = new ArrayList<>(List.of(tool.get(), "--style=file", source));
      if (apply) {
        command.add("-i");
      }
      Process process = new ProcessBuilder(command).redirectError(Redirect.INHERIT).start();
      byte[] formatted = process.getInputStream().readAllBytes();
      boolean failed = process.waitFor() != 0;
      if (failed || !apply && !Arrays.equals(formatted, Files.readAllBytes(Path.of(source)))) {
        System.out.println(source);
        status = 1;
      }
    }
    report(sources, "C++ and CUDA", apply, status);
    return status == 0;
  }

  /** Another major version formats differently, so only 14 counts. */
  private static Optional<String> clangFormat() throws InterruptedException {
    String named = System.getenv("CLANG_FORMAT");
    for (String candidate :
        named != null ? List.of(named) : List.of("clang-format-14", "clang-format")) {
      try {
        Process process = new ProcessBuilder(candidate, "--version").start();
        String version = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() == 0 && version.contains("version 14.")) {
          return Optional.of(candidate);
        }
      } catch (IOException e) {
        // Not here: the next one may be.
      }
    }
    return Optional.empty();
  }

  private static List<String> sources(List<Path> roots, List<String> endings) throws IOException {
    try (Stream<Path> files =
        roots.stream().filter(Files::isDirectory).flatMap(Format::filesUnder)) {
      return files
          .filter(file -> !file.startsWith(GENERATED) && !file.toString().contains("/target/"))
          .map(Path::toString)
          .filter(file -> endings.stream().anyMatch(file::endsWith))
          .sorted()
          .toList();
    }
  }

  private static Stream<Path> filesUnder(Path root) {
    try {
      return Files.walk(root).filter(Files::isRegularFile);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void report(List<String> sources, String language, boolean apply, int status) {
    String verdict = status == 0 ? (apply ? "formatted" : "in order") : "not in order, see above";
    System.out.printf("format: %d %s sources %s%n", sources.size(), language, verdict);
  }
}
