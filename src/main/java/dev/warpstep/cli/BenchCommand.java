package dev.warpstep.cli;

import dev.warpstep.Device;
import dev.warpstep.cli.bench.Bandwidth;
import dev.warpstep.cli.bench.BenchPicture;
import dev.warpstep.cli.bench.CpuPlace;
import dev.warpstep.cli.bench.CudaPlace;
import dev.warpstep.cli.bench.MachineLine;
import dev.warpstep.cli.bench.Model;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Results;
import dev.warpstep.cli.bench.Row;
import dev.warpstep.cli.bench.Rule;
import dev.warpstep.cli.bench.Subject;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What fusing is worth on the user's own machine. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = {
      "Times steps of three rules on lists of tensors of real models, fused and unfused in turn,"
          + " next to what a copy and a stream of four reads and three writes get from the same"
          + " memory in the same run. Prints a table, draws bench.png and writes bench.json, a line"
          + " of JSON for each result.",
      "Exit status: 0 if fused and unfused end with the same values, 1 if not, 2 for bad arguments"
          + " or a device that is not there."
    })
final class BenchCommand implements Callable<Integer> {
  /** Small, with many small tensors, and as large as fits, largest first. */
  private static final List<Model> ALWAYS = List.of(Model.MLP_100K, Model.RESNET50);

  private static final List<Model> LARGE =
      List.of(Model.LLAMA_7B, Model.GPT2_1P5B, Model.BERT_LARGE, Model.GPT2_124M);

  /** Each way; more than one, so that a wrong moment or bias correction shows. */
  private static final int CHECKED_STEPS = 3;

  /** Of a model's time, for measuring the memory. */
  private static final double SHARE_OF_BANDWIDTH = 0.15;

  @Spec private CommandSpec command;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "best",
      description =
          "What is measured: best, cpu, cpu:<threads>, cuda or cuda:<ordinal>. Default:"
              + " ${DEFAULT-VALUE}.")
  private String device;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      split = ",",
      description =
          "Models: mlp_100k, resnet50, gpt2_124m, bert_large, gpt2_1p5b, llama_7b,"
              + " many_10000x1000, groups_465. Default: the first two and the largest that fits"
              + " into memory and time.")
  private List<String> models = List.of();

  @Option(
      names = "--tensors",
      paramLabel = "SIZE[xCOUNT]",
      split = ",",
      description = "A model of your own: elements of each tensor, as in 38597376,768x25.")
  private List<String> tensors = List.of();

  @Option(
      names = "--seconds",
      paramLabel = "SECONDS",
      defaultValue = "45",
      converter = PositiveInteger.class,
      description =
          "About how long to measure; setting up takes some more. Default: ${DEFAULT-VALUE}.")
  private int seconds;

  @Option(
      names = "--probe",
      paramLabel = "ELEMENTS",
      converter = PositiveInteger.class,
      description = "Length of each array of copy and stream. Default: more than any cache holds.")
  private Integer probeElements;

  @Option(
      names = "--output",
      paramLabel = "DIR",
      defaultValue = "target/warpstep",
      description = "Where both files go; created if missing. Default: ${DEFAULT-VALUE}.")
  private Path output;

  @Override
  public Integer call() throws IOException {
    List<ModelShape> asked = asked();
    Path picture = RunOptions.outputFile(output, "bench.png", command.commandLine());
    Path json = RunOptions.outputFile(output, "bench.json", command.commandLine());
    PrintWriter out = command.commandLine().getOut();
    try (Place place = open()) {
      List<ModelShape> shapes = asked.isEmpty() ? fitting(place) : checked(place, asked);
      out.println("device: " + place.description());
      for (ModelShape shape : shapes) {
        out.printf(
            Locale.ROOT,
            "%s: %,d tensor%s, %,d parameters%n",
            shape.key(),
            shape.sizes().size(),
            shape.sizes().size() == 1 ? "" : "s",
            shape.parameterCount());
      }
      out.flush();
      Results results = new Results(place, new Bandwidth(), new ArrayList<>());
      Optional<String> difference = measure(place, shapes, results);
      if (difference.isPresent()) {
        command
            .commandLine()
            .getErr()
            .println(
                "Fused and unfused must end with the same values; they did not: "
                    + difference.get());
        return 1;
      }
      print(out, results);
      BenchPicture.of(results).write(picture);
      Files.write(json, results.lines(MachineLine.of(place.description())));
      out.println("Picture: " + picture);
      out.println("Results: " + json);
      out.println(
          "Fused and unfused ended with the same values, bit for bit; elementary and cublas, which"
              + " round more often, within 1e-6.");
      return 0;
    }
  }

  private Place open() {
    String name;
    try (Device probed = RunOptions.openDevice(device, command.commandLine())) {
      name = probed.name();
    }
    return name.equals("cpu")
        ? new CpuPlace(RunOptions.cpuThreads(device))
        : new CudaPlace(Integer.parseInt(name.substring("cuda:".length())));
  }

  private List<ModelShape> asked() {
    List<ModelShape> asked = new ArrayList<>();
    try {
      models.forEach(key -> asked.add(Model.of(key).shape()));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), "--model: " + e.getMessage(), e);
    }
    if (!tensors.isEmpty()) {
      asked.add(new ModelShape("tensors", tensors.stream().flatMap(this::sizes).toList()));
    }
    return asked;
  }

  /** The tensors that one part of {@code --tensors} stands for. */
  private Stream<Long> sizes(String part) {
    if (!part.matches("[0-9]{1,10}(x[0-9]{1,5})?")
        || Long.parseLong(part.replaceFirst("x.*", "")) > Integer.MAX_VALUE - 8) {
      throw new ParameterException(
          command.commandLine(),
          "--tensors: must be sizes below 2^31, each with or without xCOUNT, had " + part);
    }
    long[] numbers = Arrays.stream(part.split("x", 2)).mapToLong(Long::parseLong).toArray();
    return Stream.generate(() -> numbers[0]).limit(numbers.length == 1 ? 1 : numbers[1]);
  }

  private static List<ModelShape> fitting(Place place) {
    Stream<Model> large =
        LARGE.stream()
            .filter(model -> model.shape().parameterCount() <= place.mostParameters())
            .filter(model -> place.fits(model.shape()))
            .limit(1);
    return Stream.concat(ALWAYS.stream().filter(model -> place.fits(model.shape())), large)
        .map(Model::shape)
        .toList();
  }

  private List<ModelShape> checked(Place place, List<ModelShape> asked) {
    for (ModelShape shape : asked) {
      if (!place.fits(shape)) {
        throw new ParameterException(
            command.commandLine(),
            "%s has %,d parameters, which do not fit into the memory of %s"
                .formatted(shape.key(), shape.parameterCount(), place.description()));
      }
    }
    return asked;
  }

  /**
   * Compares and measures everything.
   *
   * @return the first difference, or empty if there is none
   */
  private Optional<String> measure(Place place, List<ModelShape> shapes, Results results) {
    OptionalInt given = probeElements == null ? OptionalInt.empty() : OptionalInt.of(probeElements);
    int elements = given.orElseGet(place::probeElements);
    List<Rule> rules = List.of(Rule.values());
    double each = (double) seconds / shapes.size();
    PrintWriter log = command.commandLine().getErr();
    try (Progress progress =
        Progress.start("bench", log, (long) shapes.size() * (rules.size() + 1))) {
      for (ModelShape shape : shapes) {
        Progress.Run memory = progress.begin("memory");
        results.bandwidth().measure(place, elements, each * SHARE_OF_BANDWIDTH);
        memory.end();
        for (Rule rule : rules) {
          Progress.Run run = progress.begin("%s, %s".formatted(shape.key(), rule.title()));
          try (Subject subject = place.subject(rule, shape)) {
            Optional<String> difference = subject.difference(shape.sizes().size(), CHECKED_STEPS);
            if (difference.isPresent()) {
              return difference.map(
                  text -> "%s on %s, %s".formatted(rule.title(), shape.key(), text));
            }
            double share = each * (1 - SHARE_OF_BANDWIDTH) / rules.size();
            results.rows().add(Row.measure(place, rule, shape, subject, share));
          }
          run.end();
        }
      }
    }
    return Optional.empty();
  }

  private static void print(PrintWriter out, Results results) {
    out.println();
    Table table = new Table(results.header());
    results.cells().forEach(table::add);
    table.print(out);
    out.println();
    out.println(results.explanation().stream().collect(Collectors.joining(System.lineSeparator())));
    out.println();
  }
}
