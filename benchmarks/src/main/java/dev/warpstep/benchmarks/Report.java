package dev.warpstep.benchmarks;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Turns lines of JSON into {@code NAME.md} beside {@code NAME.jsonl}, with pictures {@code
 * NAME-*.png}. What is not JSON is skipped, so that the output of whole programs can be given.
 *
 * <pre>
 *   what=machine    CPU, memory, OS, JDK, device, date; `command` where a script adds it
 *   what=bandwidth  gigabytes_per_second of a copy or a stream
 *   what=step       ms: median over the samples of one run; ms_p25, ms_p75; bytes_per_parameter
 *   what=pair       ratio: median over the pairs of one run; ratio_p25, ratio_p75
 *   what=jmh        us, us_error (or ns, ns_error), bytes_per_op and what the benchmark counts
 * </pre>
 *
 * <p>The same line from several runs (A B A B ...) becomes one row with the median. {@code it/ours}
 * divides the times that a library and Warpstep took in the same round, and is the median over the
 * rounds, with the smallest and the largest in brackets: above 1, Warpstep was faster.
 */
public final class Report {
  private static final Map<String, String> DEFAULTS = Map.of("file", "");

  private Report() {}

  /** Reads {@code file=NAME.jsonl} and writes the report beside it. */
  public static void main(String[] args) throws IOException {
    System.setProperty("java.awt.headless", "true");
    Path raw = Path.of(Options.parse(DEFAULTS, args).text("file"));
    Lines lines = read(raw);
    String name = raw.getFileName().toString().replaceFirst("\\.jsonl$", "");
    StringBuilder markdown = new StringBuilder();
    markdown.append("# ").append(name).append("\n\n");
    ReportTables tables = new ReportTables(lines, markdown);
    tables.machine();
    for (ReportPicture picture : ReportPicture.of(lines)) {
      String file = "%s-%s.png".formatted(name, picture.name());
      picture.write(raw.resolveSibling(file));
      markdown.append("![%s](%s)\n\n".formatted(picture.title(), file));
    }
    tables.bandwidth();
    tables.pairs();
    tables.steps();
    tables.jmh();
    Files.writeString(raw.resolveSibling(name + ".md"), markdown);
  }

  private static Lines read(Path raw) throws IOException {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (String text : Files.readAllLines(raw)) {
      int begin = text.indexOf("{\"what\"");
      int end = text.lastIndexOf('}');
      if (begin >= 0 && end > begin) {
        Map<String, Object> row =
            new LinkedHashMap<>(JSON.std.mapFrom(text.substring(begin, end + 1)));
        if (!Set.of("machine", "jmh").contains(Lines.text(row, "what"))) {
          row.putIfAbsent("device", "cpu"); // older lines know no other
          row.putIfAbsent("dtype", "fp32");
        }
        rows.add(row);
      }
    }
    return new Lines(rows);
  }
}
