package dev.warpstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.warpstep.Device;
import dev.warpstep.cli.selfcheck.CheckedRule;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The selfcheck, from arguments to exit status; above all that it can fail. */
final class SelfcheckTest {
  private static final List<CheckedRule> ONE_RULE =
      CheckedRule.ALL.stream().filter(rule -> rule.name().equals("Adam")).toList();

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @Test
  void comparesEveryRuleOnTheCpu() {
    int status = run(Main.commandLine(), "selfcheck", "--device", "cpu:2", "--seed", "-7");

    assertEquals(0, status, err::toString);
    List<String> lines = out.toString().lines().toList();
    assertEquals("CUDA:      none: --device cpu:2 leaves it out", lines.getFirst());
    String best = Device.cpuInstructionSets().getLast();
    assertEquals("reference: CPU, %s, 2 threads".formatted(best), lines.get(1));
    assertTrue(lines.get(2).contains("to 65,537 elements"), lines.get(2));
    assertTrue(lines.get(2).endsWith("seed -7"), lines.get(2));
    for (CheckedRule rule : CheckedRule.ALL) {
      String row = " +same".repeat(Device.cpuInstructionSets().size());
      assertEquals(
          1,
          lines.stream().filter(line -> line.matches("\\Q" + rule.name() + "\\E" + row)).count(),
          out::toString);
      assertTrue(err.toString().contains(rule.name() + ": done"), err::toString);
    }
    assertEquals("CUDA was not checked: --device cpu:2 leaves it out", lines.getLast());
  }

  @Test
  void saysWhyCudaWasNotChecked() {
    String cause = assumeNoCuda();

    assertEquals(0, run(command(ONE_RULE, UnaryOperator.identity())), err::toString);
    assertEquals("CUDA was not checked: " + cause, out.toString().lines().toList().getLast());
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuda", "cuda:3"})
  void refusesIfCudaIsForcedAndNotThere(String device) {
    String cause = assumeNoCuda();

    assertEquals(2, run(Main.commandLine(), "selfcheck", "--device", device));
    assertEquals("", out.toString());
    assertTrue(
        err.toString().startsWith("--device %s: device cuda".formatted(device)), err::toString);
    assertTrue(err.toString().contains(cause), err::toString);
    assertFalse(err.toString().contains("\tat "), err::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpu", "cpu:0", "cpu:many", ""})
  void refusesUnknownDevices(String device) {
    assertEquals(2, run(Main.commandLine(), "selfcheck", "--device", device));
    assertTrue(err.toString().contains("device must be best, cpu, "), err::toString);
  }

  /** The last bit of the last finite value that belongs to a parameter, of 65,537 elements. */
  @Test
  void failsIfOneBitDiffers() {
    assertEquals(1, run(command(ONE_RULE, SelfcheckTest::flipLastBit), "--device", "cpu:1"));
    assertTrue(out.toString().contains("DIFFERENT"), out::toString);
    assertFalse(out.toString().contains("Everything is the same"), out::toString);
    String difference =
        "Adam on 2 threads: step 1, 65537 elements, parameter 3 and gradient 3 floats off"
            + " alignment, element \\d+: 0x[0-9a-f]{8} \\(.+\\), must be 0x[0-9a-f]{8} \\(.+\\)";
    assertTrue(err.toString().lines().anyMatch(line -> line.matches(difference)), err::toString);
    assertTrue(err.toString().contains("Everything must be the same"), err::toString);
  }

  @Test
  void failsIfZeroChangesItsSign() {
    UnaryOperator<float[]> negated =
        values -> {
          values[indexOfZero(values)] *= -1;
          return values;
        };
    assertEquals(1, run(command(ONE_RULE, negated), "--device", "cpu:1"));
  }

  @Test
  void failsIfSomethingIsWrittenBetweenTensors() {
    UnaryOperator<float[]> written =
        values -> {
          values[0] = 42; // the first tensors are empty
          return values;
        };
    assertEquals(1, run(command(ONE_RULE, written), "--device", "cpu:1"));
    assertTrue(
        err.toString().contains("step 1, outside every parameter: 0x42280000"), err::toString);
  }

  @Test
  void takesEveryNotANumberForTheSame() {
    UnaryOperator<float[]> payload =
        values -> {
          for (int i = 0; i < values.length; i++) {
            if (Float.isNaN(values[i])) {
              values[i] = Float.intBitsToFloat(0xFFC12345);
            }
          }
          return values;
        };
    assertEquals(0, run(command(ONE_RULE, payload), "--device", "cpu:1"), err::toString);
  }

  @Test
  @Tag("cuda")
  void comparesEveryRuleOnTheCudaDevice() {
    assumeCuda();

    assertEquals(0, run(Main.commandLine(), "selfcheck", "--device", "cuda:0"), err::toString);
    List<String> lines = out.toString().lines().toList();
    assertTrue(
        lines.getFirst().matches("CUDA: +.+, sm_\\d+, .*kernels for sm_\\d+"), lines.getFirst());
    assertTrue(lines.stream().anyMatch(line -> line.matches("rule +cuda:0 .*")), out::toString);
    assertEquals("Everything is the same, bit for bit.", lines.getLast());
  }

  @Test
  @Tag("cuda")
  void failsIfOneBitDiffersOnTheCudaDevice() {
    assumeCuda();

    assertEquals(1, run(command(ONE_RULE, SelfcheckTest::flipLastBit)));
    assertTrue(err.toString().contains("Adam on cuda:0: step 1, 65537 elements"), err::toString);
  }

  @Test
  @Tag("cuda")
  void refusesADeviceThatIsNotThere() {
    assumeCuda();

    assertEquals(2, run(Main.commandLine(), "selfcheck", "--device", "cuda:999"));
    assertTrue(err.toString().contains("was 999"), err::toString);
  }

  private static void assumeCuda() {
    Device.cudaUnavailabilityCause()
        .ifPresent(cause -> assumeTrue(false, "CUDA is not available: " + cause.getMessage()));
  }

  private static String assumeNoCuda() {
    assumeTrue(Device.cudaUnavailabilityCause().isPresent(), "CUDA is available");
    return Device.cudaUnavailabilityCause().orElseThrow().getMessage();
  }

  private static float[] flipLastBit(float[] values) {
    // The last slot ends with up to 63 floats that are nobody's.
    int at = values.length - 128;
    while (!Float.isFinite(values[at])) {
      at--;
    }
    values[at] = Float.intBitsToFloat(Float.floatToRawIntBits(values[at]) ^ 1);
    return values;
  }

  private static int indexOfZero(float[] values) {
    for (int i = 0; i < values.length; i++) {
      if (values[i] == 0) {
        return i;
      }
    }
    throw new AssertionError("there is no zero in " + Arrays.toString(values));
  }

  private static CommandLine command(List<CheckedRule> rules, UnaryOperator<float[]> results) {
    return new CommandLine(new SelfcheckCommand(rules, results));
  }

  private int run(CommandLine commandLine, String... arguments) {
    return commandLine
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(arguments);
  }
}
