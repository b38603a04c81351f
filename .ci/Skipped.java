import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Prints why tests were skipped: one line for each test class and cause. Run by Maven after the
 * tests, with the folder of their reports and the time at which the build started.
 *
 * <p>The console of surefire only counts skips. A JUnit listener cannot be registered from a test
 * tree that is patched into a named module, whose META-INF/services nobody reads.
 */
final class Skipped {
  private record Skip(String testClass, String cause) implements Comparable<Skip> {
    @Override
    public int compareTo(Skip other) {
      int byClass = testClass.compareTo(other.testClass);
      return byClass != 0 ? byClass : cause.compareTo(other.cause);
    }
  }

  public static void main(String[] args) throws Exception {
    Path reports = Path.of(args[0]);
    Instant buildStart = Instant.parse(args[1]);
    if (!Files.isDirectory(reports)) {
      return;
    }
    DocumentBuilder parser = DocumentBuilderFactory.newDefaultInstance().newDocumentBuilder();
    Map<Skip, Integer> counts = new TreeMap<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(reports, "TEST-*.xml")) {
      for (Path file : files) {
        if (Files.getLastModifiedTime(file).toInstant().isBefore(buildStart)) {
          continue; // left by an earlier run of other tests
        }
        NodeList skips = parser.parse(file.toFile()).getElementsByTagName("skipped");
        for (int i = 0; i < skips.getLength(); i++) {
          Element skip = (Element) skips.item(i);
          Element test = (Element) skip.getParentNode();
          counts.merge(new Skip(test.getAttribute("classname"), cause(skip)), 1, Integer::sum);
        }
      }
    }
    counts.forEach(
        (skip, count) ->
            System.out.printf("skipped: %s, %d: %s%n", skip.testClass(), count, skip.cause()));
  }

  /** The message of the annotation, or what the exception says before its stack trace begins. */
  private static String cause(Element skip) {
    String message = skip.getAttribute("message");
    if (message.isBlank()) {
      message = skip.getTextContent().split("\\R\\s+at ", 2)[0];
    }
    message = message.strip().replaceFirst("^org.opentest4j.TestAbortedException(: |$)", "");
    message = message.replaceFirst("^Assumption failed: ", "");
    return message.isEmpty() ? "no cause given" : message;
  }
}
