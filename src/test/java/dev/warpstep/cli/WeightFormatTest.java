package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Device;
import dev.warpstep.cli.data.IdxFiles;
import dev.warpstep.cli.data.Parabola;
import dev.warpstep.cli.network.Initialization;
import dev.warpstep.cli.network.Network;
import dev.warpstep.cli.network.SquaredError;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Training in several formats of the weights. All arithmetic has the same bits on every machine, so
 * that the losses compared are always the same.
 */
final class WeightFormatTest {
  private static final int POINTS = 1_000;
  private static final int BATCH = 32;
  private static final int EPOCHS = 12;
  private static final Path IMAGES = Path.of("data/fashion-mnist");

  @TempDir private Path directory;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void masterWeightsTrainAsFp32AndStochasticRoundingBeatsNearest() {
    Parabola points = new Parabola(POINTS, 1);
    Experiment experiment =
        new Experiment(
            points,
            new SquaredError(points.targets()),
            () -> new Network(List.of(1, 20, 1), Initialization.UNIFORM, 1, BATCH),
            EPOCHS,
            BATCH,
            1);
    for (Recipe recipe : List.of(Recipe.sgd(0.01), Recipe.momentum(0.01, 0.8))) {
      Map<WeightFormat, Double> losses = new EnumMap<>(WeightFormat.class);
      try (Device device = Device.cpu(1)) {
        for (WeightFormat format : WeightFormat.values()) {
          Progress.Run run = Progress.lines(new PrintWriter(new StringWriter())).begin("any");
          losses.put(format, experiment.train(recipe, format, device, run).finalLoss());
        }
      }
      double fp32 = losses.get(WeightFormat.FP32);
      for (WeightFormat format : WeightFormat.values()) {
        if (format == WeightFormat.BF16) {
          assertTrue(losses.get(format) > 1.04 * fp32, losses::toString);
        } else {
          assertEquals(fp32, losses.get(format), 0.01 * fp32, losses::toString);
        }
      }
    }
  }

  @Test
  void printsARowForEachOptimizerAndFormat() throws IOException {
    IdxFiles.writeDataSet(directory, 70, 30);
    int status =
        run(
            "--dtype",
            "fp32,bf16-stochastic,fp32,fp16",
            "--device",
            "cpu:1",
            "--epochs",
            "1",
            "--data",
            directory.toString(),
            "--output",
            directory.toString());

    assertEquals(0, status, err::toString);
    for (String optimizer : List.of("SGD", "momentum", "RMSprop", "Adam")) {
      for (String format : List.of("fp32", "bf16-stochastic", "fp16")) {
        Pattern row =
            Pattern.compile(
                "^%s, %s +[\\d.]+ %% +\\d+\\.\\d{6} +[\\d.]+$".formatted(optimizer, format),
                Pattern.MULTILINE);
        assertEquals(1, row.matcher(out.toString()).results().count(), out::toString);
      }
    }
    assertTrue(Files.size(directory.resolve("train.png")) > 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bf8", "BF16", "", "fp32,,bf16"})
  void refusesFormatsThatThereAreNot(String formats) {
    int status = run("--dtype", formats, "--data", IMAGES.toString());
    assertEquals(2, status);
    assertTrue(err.toString().contains("must be among fp32, bf16, bf16-stochastic"), err::toString);
  }

  private int run(String... arguments) {
    List<String> all = new ArrayList<>(List.of("train"));
    all.addAll(List.of(arguments));
    return Main.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(all.toArray(String[]::new));
  }
}
