package dev.warpstep.packaging;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The image does what packaging/image.sh does, and that is what the README says. */
class DockerfileTest {
  private static final Path DOCKERFILE = Path.of("Dockerfile");
  private static final Path SCRIPT = Path.of("packaging", "image.sh");
  private static final Path README = Path.of("README.md");

  @Test
  void runsEveryStepOfTheScriptInItsOrderAndNothingElse() throws IOException {
    List<String> steps = found("(?m)^steps=\\((.*)\\)$", SCRIPT);
    assertEquals(1, steps.size(), "lines of the script that list its steps");
    assertEquals(
        words(" ", steps.getFirst()).map("packaging/image.sh "::concat).toList(),
        found("(?m)^\\s*(?i:RUN)\\s+(.*)$", DOCKERFILE));
  }

  @Test
  void startsWithStepsOfTheScript() throws IOException {
    List<String> commands = found("(?m)^CMD \\[\"packaging/image\\.sh\", \"(.*)\"\\]$", DOCKERFILE);
    assertEquals(1, commands.size(), "CMD lines that call the script");
    List<String> known = found("(?m)^(\\w+)\\(\\) \\{$", SCRIPT);
    words("\", \"", commands.getFirst()).forEach(step -> assertTrue(known.contains(step), step));
  }

  /** Up to the argument that tells them apart: the README names those of one command once. */
  @Test
  void theScriptsMavenCommandsAreTheReadmes() throws IOException {
    List<String> commands = found("(?m)^ +(mvn .*?)(?: -Dargs=.*)?$", SCRIPT);
    assertFalse(commands.isEmpty());
    String readme = Files.readString(README);
    for (String command : commands) {
      assertTrue(
          Pattern.compile("(?m)^" + Pattern.quote(command) + "\\b").matcher(readme).find(),
          command);
    }
  }

  @Test
  void anUnknownStepStopsTheScriptBeforeTheFirst() throws Exception {
    Process script =
        new ProcessBuilder("bash", SCRIPT.toString(), "verify", "verifi")
            .redirectErrorStream(true)
            .start();
    String output = new String(script.getInputStream().readAllBytes(), UTF_8);
    assertTrue(script.waitFor(10, TimeUnit.SECONDS));
    assertEquals(2, script.exitValue(), output);
    assertTrue(output.contains("one was 'verifi'"), output);
  }

  private static Stream<String> words(String separator, String line) {
    return Pattern.compile(separator, Pattern.LITERAL).splitAsStream(line);
  }

  private static List<String> found(String pattern, Path file) throws IOException {
    return Pattern.compile(pattern)
        .matcher(Files.readString(file))
        .results()
        .map(line -> line.group(1))
        .toList();
  }
}
