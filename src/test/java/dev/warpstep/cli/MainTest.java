package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.cli.data.IdxFiles;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole program, from arguments to exit status. */
final class MainTest {
  private static final List<String> OPTIMIZERS = List.of("SGD", "momentum", "RMSprop", "Adam");

  /** Name, accuracy in percent if any, and the two losses of a row of the table. */
  private static final Pattern ROW =
      Pattern.compile("(\\w+) +(?:([\\d.]+) %)? +(\\d\\.\\d{6}) +(\\d\\.\\d{6}) +[\\d. ]+");

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path directory;

  @BeforeAll
  static void drawWithoutADisplay() {
    System.setProperty("java.awt.headless", "true");
  }

  @Test
  void trainsOnTheSubsetThatComesWithTheSources() throws IOException {
    int status = run("train", "--epochs", "2", "--device", "cpu", "--output", output());

    assertEquals(0, status, err::toString);
    List<Matcher> rows = rows();
    assertEquals(OPTIMIZERS, rows.stream().map(row -> row.group(1)).toList());
    for (Matcher row : rows) {
      assertEquals(row.group(3), row.group(4));
    }
    double accuracyOfAdam = Double.parseDouble(rows.getLast().group(2));
    assertTrue(accuracyOfAdam > 75, out::toString);
    assertTrue(out.toString().contains("bit for bit"), out::toString);
    assertPicture("train.png");
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu:1", "cpu:2", "best"})
  void trainsOnAnyDataInTheSameFiles(String device) throws IOException {
    IdxFiles.writeDataSet(directory, 70, 30);

    int status =
        run(
            "train",
            "--data",
            directory.toString(),
            "--device",
            device,
            "--epochs",
            "1",
            "--batch",
            "32",
            "--seed",
            "-4",
            "--output",
            output());

    assertEquals(0, status, err::toString);
    assertTrue(out.toString().startsWith("70 training and 30 test images"), out::toString);
    assertTrue(out.toString().contains("1 epochs of 3 steps, batch 32, seed -4"), out::toString);
    assertEquals(4, rows().size());
    assertPicture("train.png");
  }

  @Test
  void drawsTheClassicCurves() throws IOException {
    int status = run("curves", "--output", output());

    assertEquals(0, status, err::toString);
    assertTrue(out.toString().contains("12 epochs of 32 steps, batch 32"), out::toString);
    List<Double> losses = rows().stream().map(row -> Double.parseDouble(row.group(3))).toList();
    // The noise alone has a mean square of 0.01; SGD is the slowest by far.
    assertTrue(losses.getFirst() > 0.03, out::toString);
    assertTrue(losses.getLast() < 0.015, out::toString);
    assertPicture("curves.png");
  }

  static Stream<String> schedules() {
    return Stream.of(
        "step --set step_size=10 --set gamma=0.5",
        "multi_step --set milestones=20,40",
        "constant",
        "linear --set start_factor=0.1",
        "exponential --set gamma=0.9",
        "polynomial --set total_iters=50 --set power=2",
        "cosine_annealing --set t_max=50",
        "cosine_annealing_warm_restarts --set t_0=10 --set t_mult=2",
        "cyclic --set base_lr=0.01 --set max_lr=0.1 --set step_size_up=8",
        "one_cycle --set max_lr=0.1 --set total_steps=60",
        "swa --set swa_lr=0.01",
        "warmup_cosine --set warmup_epochs=5 --set total_epochs=60",
        "exponential --set gamma=0.9 --warmup 5",
        "lambda --set factors=1,0.5,2,1",
        "multiplicative:factors=0.9,0.8",
        "reduce_on_plateau:metrics=3,2,1:patience=4 --set mode=min",
        "constant:total_iters=20*exponential:gamma=0.9",
        "linear:total_iters=5@5cosine_annealing:t_max=20@25exponential:gamma=0.5*step:step_size=9");
  }

  @ParameterizedTest
  @MethodSource("schedules")
  void drawsSchedules(String arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of(("schedule " + arguments).split(" ")));
    all.addAll(List.of("--lr", "0.1", "--epochs", "60", "--output", output()));

    int status = run(all.toArray(String[]::new));

    assertEquals(0, status, err::toString);
    assertTrue(out.toString().startsWith("epoch "), out::toString);
    assertPicture("schedule.png");
  }

  @Test
  void printsTheLearningRatesOfASchedule() {
    run(
        "schedule",
        "cosine_annealing",
        "--set",
        "t_max=40",
        "--epochs",
        "41",
        "--output",
        output());

    List<String> rows = out.toString().lines().map(line -> line.replaceAll(" +", " ")).toList();
    assertTrue(rows.containsAll(List.of("0 0.1", "20 0.05", "40 0.0")), rows::toString);
  }

  static Stream<Arguments> composed() {
    return Stream.of(
        Arguments.of(
            "constant:factor=0.5:total_iters=9 @ 2 exponential:gamma=0.5",
            "0.05 0.05 0.1 0.05 0.025"),
        Arguments.of(
            "constant:factor=0.5:total_iters=2 * step:step_size=3:gamma=0.5",
            "0.05 0.05 0.1 0.05 0.05"),
        Arguments.of(
            "constant:factor=0.5:total_iters=9 @1 exponential:gamma=0.5*step:step_size=2:gamma=0.1",
            "0.05 0.1 0.05 0.0025 0.00125"),
        Arguments.of("lambda:factors=1,0.5,0.25", "0.1 0.05 0.025 0.025 0.025"),
        Arguments.of("multiplicative:factors=0.5,1", "0.1 0.05 0.05 0.05 0.05"),
        Arguments.of(
            "reduce_on_plateau:patience=1:factor=0.5:metrics=1,0.5", "0.1 0.1 0.1 0.1 0.05"));
  }

  /** Worked out by hand; the parts themselves have golden numbers. */
  @ParameterizedTest
  @MethodSource("composed")
  void severalSchedulesAreOneInALineOfText(String schedule, String expected) {
    assertEquals(
        0, run("schedule", schedule, "--epochs", "5", "--output", output()), err::toString);
    List<Double> lrs =
        out.toString()
            .lines()
            .map(line -> line.strip().split(" +"))
            .filter(words -> words.length == 2 && words[0].matches("\\d"))
            .map(words -> Double.parseDouble(words[1]))
            .toList();
    List<Double> rates = Stream.of(expected.split(" ")).map(Double::parseDouble).toList();
    assertEquals(rates.size(), lrs.size(), out::toString);
    for (int epoch = 0; epoch < rates.size(); epoch++) {
      assertEquals(rates.get(epoch), lrs.get(epoch), 1e-15, schedule);
    }
  }

  @Test
  void printsTheSameLossesForTheSameSeedOnAnyNumberOfThreads() {
    List<String> losses = Stream.of("cpu:1", "cpu:3").map(this::lossesOfCurves).toList();
    assertEquals(losses.getFirst(), losses.getLast());
  }

  private String lossesOfCurves(String device) {
    out.getBuffer().setLength(0);
    run("curves", "--epochs", "1", "--batch", "500", "--device", device, "--output", output());
    return rows().stream().map(row -> row.group(3)).toList().toString();
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "cpu:1"})
  void measuresFusedAndUnfusedSteps(String device) throws IOException {
    int status =
        run(
            "bench",
            "--device",
            device,
            "--model",
            "mlp_100k",
            "--tensors",
            "1000x3,17,0,5000",
            "--probe",
            "100000",
            "--seconds",
            "1",
            "--output",
            output());

    assertEquals(0, status, err::toString);
    assertTrue(out.toString().contains("mlp_100k: 10 tensors, 100,234 parameters"), out::toString);
    assertTrue(out.toString().contains("tensors: 6 tensors, 8,017 parameters"), out::toString);
    Pattern row =
        Pattern.compile("(mlp_100k|tensors) +(Adam|RMSprop|SGD, momentum) +[\\d.]+ us .*");
    assertEquals(6, out.toString().lines().filter(row.asMatchPredicate()).count(), out::toString);
    assertPicture("bench.png");
    List<String> lines = Files.readAllLines(Path.of(output(), "bench.json"));
    assertEquals(1 + 2 + 6 * 5, lines.size(), lines::toString);
    assertTrue(lines.getFirst().startsWith("{\"what\": \"machine\", \"cpu\": "), lines::getFirst);
    for (String name : List.of("copy", "stream")) {
      Pattern bandwidth =
          Pattern.compile(".*\"name\": \"%s\".*per_second\": [1-9][\\d.]*}".formatted(name));
      assertTrue(lines.stream().anyMatch(bandwidth.asMatchPredicate()), lines::toString);
    }
  }

  static Stream<Arguments> badArguments() {
    return Stream.of(
        bad(
            "--device gpu: device must be best, cpu, cpu:<threads>, cuda or cuda:<ordinal>, was"
                + " gpu",
            "train",
            "--device",
            "gpu"),
        bad(
            "device must be best, cpu, cpu:<threads>, cuda or cuda:<ordinal>, was cpu:0",
            "curves",
            "--device",
            "cpu:0"),
        bad("option '--epochs': must be a positive integer, was 0", "train", "--epochs", "0"),
        bad("option '--batch': must be a positive integer, was many", "curves", "--batch", "many"),
        bad("'--seed': '1.5' is not a long", "curves", "--seed", "1.5"),
        bad(
            "--epochs 2000000000: must make at most 10000000 steps, made 64000000000",
            "curves",
            "--epochs",
            "2000000000"),
        bad("there is neither", "train", "--data", "no/such/directory"),
        bad("must be a directory that can be written", "curves", "--output", "pom.xml"),
        bad("schedule must be one of step, multi_step,", "schedule", "nosuch"),
        bad("StepLR: stepSize must be positive, was 0", "schedule", "step", "--set", "step_size=0"),
        bad("step needs step_size=...", "schedule", "step"),
        bad("schedule must be one of step,", "schedule", "step:step_size=1 @ 5"),
        bad("schedule must be one of step,", "schedule", "step:step_size=1 *"),
        bad("step: a setting must be key=value, was 5", "schedule", "step:5"),
        bad("step_size must be given once", "schedule", "step:step_size=1", "--set", "step_size=1"),
        bad("--set is for one schedule alone", "schedule", "constant*linear", "--set", "factor=1"),
        bad("must be at least 0 and in ascending order", "schedule", "constant@9linear@5constant"),
        bad("reduce_on_plateau needs metrics=...", "schedule", "reduce_on_plateau"),
        bad(
            "schedulers must be without ReduceLROnPlateau",
            "schedule",
            "constant@5reduce_on_plateau"),
        bad("factors must be a number, was 1,x", "schedule", "lambda:factors=1,x"),
        bad(
            "mode must be one of triangular, triangular2, exp_range, was square",
            "schedule",
            "cyclic",
            "--set",
            "base_lr=0",
            "--set",
            "max_lr=1",
            "--set",
            "mode=square"),
        bad("step has no tmax", "schedule", "step", "--set", "step_size=1", "--set", "tmax=5"),
        bad("gamma must be a number, was much", "schedule", "exponential", "--set", "gamma=much"),
        bad("--lr: SGD: lr must be", "schedule", "constant", "--lr", "-1"),
        bad(
            "OneCycleLR: must be stepped at most",
            "schedule",
            "one_cycle",
            "--set",
            "total_steps=9",
            "--set",
            "max_lr=1"),
        bad("--model: model must be one of mlp_100k, ", "bench", "--model", "nosuch"),
        bad("--tensors: must be sizes below 2^31", "bench", "--tensors", "12,3y4"),
        bad("option '--seconds': must be a positive", "bench", "--seconds", "0"),
        bad("do not fit into the memory of CPU", "bench", "--device", "cpu", "--model", "llama_7b"),
        bad("Unknown option: '--colour'", "train", "--colour"),
        bad("Missing required subcommand"),
        bad("Did you mean: warpstep train", "trian"));
  }

  private static Arguments bad(String message, String... arguments) {
    return Arguments.of(message, arguments);
  }

  @ParameterizedTest
  @MethodSource("badArguments")
  void explainsBadArgumentsWithoutAStackTrace(String message, String[] arguments) {
    int status = run(arguments);

    assertEquals(2, status);
    assertEquals("", out.toString());
    assertTrue(err.toString().contains(message), err::toString);
    assertTrue(err.toString().contains("--help"), err::toString);
    assertFalse(err.toString().contains("\tat "), err::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "curves"})
  void explainsEveryOption(String command) {
    assertEquals(0, run(command, "--help"));
    for (String option : List.of("--device", "--epochs", "--batch", "--seed", "--output")) {
      assertTrue(out.toString().contains(option), out::toString);
    }
  }

  @Test
  void tellsItsVersion() {
    assertEquals(0, run("--version"));
    assertTrue(out.toString().startsWith("warpstep "), out::toString);
  }

  private int run(String... arguments) {
    return Main.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }

  private String output() {
    return directory.resolve("made/on/demand").toString();
  }

  private List<Matcher> rows() {
    return out.toString().lines().map(ROW::matcher).filter(Matcher::matches).toList();
  }

  private void assertPicture(String name) throws IOException {
    Path path = Path.of(output(), name);
    assertTrue(Files.exists(path), path::toString);
    assertTrue(out.toString().contains("Picture: " + path), out::toString);
    BufferedImage image = ImageIO.read(path.toFile());
    assertNotNull(image);
    int width = image.getWidth();
    int[] pixels = image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
    assertTrue(Arrays.stream(pixels).distinct().count() > 50, "the picture is empty");
  }
}
