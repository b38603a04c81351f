package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.cli.network.Initialization;
import dev.warpstep.cli.network.Network;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ReportTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void succeedsWhenFusedAndUnfusedEndAlike() {
    assertEquals(0, verdict(new Comparison("SGD", outcome(0.5), outcome(0.5))));
    assertTrue(out.toString().contains("bit for bit"), out::toString);
  }

  @Test
  void failsAndNamesTheOptimizerWhenLossesDiffer() {
    Comparison alike = new Comparison("SGD", outcome(0.5), outcome(0.5));
    Comparison different = new Comparison("Adam", outcome(0.5), outcome(Math.nextUp(0.5)));

    assertEquals(1, verdict(alike, different));
    assertTrue(err.toString().strip().endsWith("they did not for Adam"), err::toString);
  }

  @Test
  void failsWhenOneBitOfAParameterDiffers() {
    Outcome changed = outcome(0.5);
    float[] bias = changed.network().tensors().getLast().values();
    bias[1] = -bias[1];

    assertEquals(1, verdict(new Comparison("RMSprop", outcome(0.5), changed)));
  }

  @Test
  void takesNotANumberForTheSameAsItself() {
    assertEquals(0, verdict(new Comparison("SGD", outcome(Double.NaN), outcome(Double.NaN))));
  }

  @Test
  void alignsColumns() {
    Table table = new Table(List.of("name", "x", "number"));
    table.add(List.of("a", "1.25", "3"));
    table.add(List.of("longer", "2", "10"));
    table.print(new PrintWriter(out, true));

    assertEquals(
        """
        name        x   number
        ------   ----   ------
        a        1.25        3
        longer      2       10
        """,
        out.toString().replace(System.lineSeparator(), "\n"));
  }

  private int verdict(Comparison... comparisons) {
    return new Report(List.of(comparisons), List.of())
        .verdict(new PrintWriter(out, true), new PrintWriter(err, true));
  }

  /** Its biases are zero, whose sign is one bit. */
  private static Outcome outcome(double finalLoss) {
    Network network = new Network(List.of(3, 2), Initialization.HE_NORMAL, 1, 1);
    return new Outcome(network, List.of(1.0, finalLoss), 100, finalLoss);
  }
}
