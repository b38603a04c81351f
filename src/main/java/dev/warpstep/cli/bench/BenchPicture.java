package dev.warpstep.cli.bench;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.AnnotationLine;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

/**
 * Two panels: the bandwidth that each way reaches on the largest model, under what the memory
 * gives, and how many times as long unfused steps take, on every model.
 */
public final class BenchPicture {
  private static final int WIDTH = 640;
  private static final int HEIGHT = 480;

  /** Okabe and Ito's, told apart by the colour-blind too. */
  private static final Color FUSED = new Color(0x0072B2);

  private static final List<Color> UNFUSED =
      List.of(new Color(0xE69F00), new Color(0xCC3311), new Color(0xCC79A7));
  private static final List<Color> RULES =
      List.of(new Color(0x56B4E9), new Color(0x009E73), new Color(0x0072B2));
  private static final Color LIMIT = new Color(0x555555);

  private final List<CategoryChart> panels;

  private BenchPicture(List<CategoryChart> panels) {
    this.panels = panels;
  }

  /** Draws. */
  public static BenchPicture of(Results results) {
    return new BenchPicture(List.of(bandwidth(results), ratios(results)));
  }

  /** Of a library that moves more, what arrives: bytes of one pass over the time. */
  private static CategoryChart bandwidth(Results results) {
    ModelShape largest = results.rows().getLast().model();
    List<Row> rows = results.rows().stream().filter(row -> row.model().equals(largest)).toList();
    List<String> titles = rows.stream().map(row -> row.rule().title()).toList();
    CategoryChart chart = chart("Bandwidth on " + largest.key(), "GB/s of one pass");
    List<Color> colours = new ArrayList<>(List.of(FUSED));
    add(chart, "fused", titles, rows.stream().map(Row::gigabytesPerSecond).toList());
    for (String way : results.ways()) {
      colours.add(UNFUSED.get(colours.size() - 1));
      add(
          chart,
          way,
          titles,
          rows.stream()
              .map(
                  row ->
                      row.gigabytesPerSecond()
                          * row.fused().median()
                          / row.unfused().get(way).median())
              .toList());
    }
    double highest = rows.stream().mapToDouble(Row::gigabytesPerSecond).max().orElseThrow();
    if (results.isFromMemory(rows.getFirst())) {
      double copy = results.bandwidth().copy();
      double stream = results.bandwidth().stream();
      limit(chart, copy);
      limit(chart, stream);
      chart.setXAxisTitle(
          String.format(Locale.ROOT, "lines: copy %.3g GB/s, stream %.3g GB/s", copy, stream));
      highest = Math.max(highest, Math.max(copy, stream));
    }
    chart.getStyler().setYAxisMax(1.15 * highest);
    chart.getStyler().setSeriesColors(colours.toArray(Color[]::new));
    return chart;
  }

  private static void limit(CategoryChart chart, double value) {
    chart.addAnnotation(new AnnotationLine(value, false, false));
  }

  /** Of the unfused ways the last, which launches least. */
  private static CategoryChart ratios(Results results) {
    List<ModelShape> models = results.rows().stream().map(Row::model).distinct().toList();
    List<String> keys = models.stream().map(ModelShape::key).toList();
    String last = results.ways().getLast();
    CategoryChart chart = chart("Time %s / time fused".formatted(last), "times as long");
    double highest = 1;
    for (Rule rule : Rule.values()) {
      List<Double> ratios =
          results.rows().stream()
              .filter(row -> row.rule() == rule)
              .map(row -> row.ratios().get(last).median())
              .toList();
      add(chart, rule.title(), keys, ratios);
      highest = Math.max(highest, Collections.max(ratios));
    }
    limit(chart, 1);
    chart.setXAxisTitle("line: as long as fused");
    chart.getStyler().setSeriesColors(RULES.toArray(Color[]::new));
    chart.getStyler().setYAxisMax(1.15 * highest);
    return chart;
  }

  /** With three digits, since the bars are labelled with the numbers as they are. */
  private static void add(
      CategoryChart chart, String name, List<String> titles, List<Double> values) {
    MathContext digits = new MathContext(3);
    List<Double> rounded =
        values.stream().map(value -> new BigDecimal(value).round(digits).doubleValue()).toList();
    chart.addSeries(name, titles, rounded);
  }

  private static CategoryChart chart(String title, String yTitle) {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .yAxisTitle(yTitle)
            .build();
    CategoryStyler styler = chart.getStyler();
    styler.setLocale(Locale.ROOT);
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setPlotGridLinesColor(new Color(0xDDDDDD));
    styler.setPlotGridVerticalLinesVisible(false);
    styler.setAvailableSpaceFill(0.75);
    styler.setYAxisMin(0.0);
    styler.setLegendPosition(LegendPosition.OutsideS);
    styler.setLegendLayout(LegendLayout.Horizontal);
    styler.setLegendBorderColor(Color.WHITE);
    styler.setLabelsVisible(true);
    styler.setLabelsPosition(0.96);
    styler.setAnnotationLineColor(LIMIT);
    styler.setAnnotationLineStroke(
        new BasicStroke(
            1.4f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {6, 4}, 0));
    styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 16));
    styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
    return chart;
  }

  /** Writes a PNG. */
  public void write(Path file) throws IOException {
    BitmapEncoder.saveBitmap(
        panels, 1, panels.size(), file.toString(), BitmapEncoder.BitmapFormat.PNG);
  }
}
