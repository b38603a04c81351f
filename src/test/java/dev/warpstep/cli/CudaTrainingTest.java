package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.warpstep.Device;
import dev.warpstep.cli.data.IdxFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The commands that train, on a CUDA device, against unfused steps on the CPU by bits. */
@Tag("cuda")
final class CudaTrainingTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir private Path directory;

  @BeforeAll
  static void drawWithoutADisplay() {
    System.setProperty("java.awt.headless", "true");
  }

  @BeforeEach
  void assumeCuda() {
    Device.cudaUnavailabilityCause()
        .ifPresent(cause -> assumeTrue(false, "CUDA is not available: " + cause.getMessage()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"best", "cuda", "cuda:0"})
  void drawsTheClassicCurvesWithTheSameBits(String device) {
    assertEquals(0, run("curves", "--epochs", "2", "--device", device), err::toString);
    assertSame();
  }

  @Test
  void trainsImagesWithTheSameBits() throws IOException {
    IdxFiles.writeDataSet(directory, 70, 30);

    int status = run("train", "--data", directory.toString(), "--device", "cuda", "--epochs", "2");

    assertEquals(0, status, err::toString);
    assertSame();
  }

  private void assertSame() {
    List<String> lines = out.toString().lines().toList();
    assertTrue(out.toString().contains("same losses and parameters, bit for bit"), out::toString);
    int fused = indexOf(lines, "fused: Warpstep on .+, sm_\\d+, .+");
    assertTrue(lines.get(fused + 1).contains("until the device is done"), out::toString);
  }

  private static int indexOf(List<String> lines, String regex) {
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).matches(regex)) {
        return i;
      }
    }
    throw new AssertionError("no line is like %s in %s".formatted(regex, lines));
  }

  private int run(String... arguments) {
    return Main.commandLine()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(withOutput(arguments));
  }

  private String[] withOutput(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--output", directory.toString()));
    return all.toArray(String[]::new);
  }
}
