package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class ProgressTest {
  private final StringWriter log = new StringWriter();

  @Test
  void printsOneLineForEachOptimizerWithoutATerminal() {
    try (Progress progress = Progress.lines(new PrintWriter(log, true))) {
      train(progress, "SGD");
      train(progress, "Adam");
    }
    assertEquals(
        """
        SGD: 2 steps, fused and unfused, final loss 0.125000
        Adam: 2 steps, fused and unfused, final loss 0.125000
        """,
        log.toString().replace(System.lineSeparator(), "\n"));
  }

  @Test
  void drawsABarInATerminal() {
    ByteArrayOutputStream terminal = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(terminal, true, StandardCharsets.UTF_8);
    try (Progress progress = Progress.bar("train", new PrintWriter(log, true), 2, stream)) {
      train(progress, "Adam");
    }
    String drawn = terminal.toString(StandardCharsets.UTF_8);
    assertTrue(drawn.contains("train 100%") && drawn.contains("Adam, loss 0.250"), drawn);
    assertEquals("", log.toString());
  }

  private static void train(Progress progress, String name) {
    Progress.Run run = progress.begin(name);
    run.step(0.5);
    run.step(0.25);
    run.end(0.125);
  }
}
