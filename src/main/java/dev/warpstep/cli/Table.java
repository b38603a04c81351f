package dev.warpstep.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** Text in columns: the first flush left, the others, numbers, flush right. */
final class Table {
  private static final String GAP = "   ";

  private final List<List<String>> rows = new ArrayList<>();

  Table(List<String> header) {
    rows.add(header);
  }

  void add(List<String> row) {
    if (row.size() != rows.getFirst().size()) {
      throw new IllegalArgumentException(
          "a row must have %d cells, had %s".formatted(rows.getFirst().size(), row));
    }
    rows.add(row);
  }

  void print(PrintWriter out) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (List<String> row : rows) {
      print(row, widths, out);
      if (row == rows.getFirst()) {
        print(rule(widths), widths, out);
      }
    }
  }

  private static List<String> rule(int[] widths) {
    List<String> rule = new ArrayList<>();
    for (int width : widths) {
      rule.add("-".repeat(width));
    }
    return rule;
  }

  private static void print(List<String> row, int[] widths, PrintWriter out) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String padding = " ".repeat(widths[i] - row.get(i).length());
      line.append(i == 0 ? row.get(i) + padding : GAP + padding + row.get(i));
    }
    out.println(line.toString().stripTrailing());
  }
}
