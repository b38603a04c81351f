package dev.warpstep.benchmarks;

import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.knowm.xchart.AnnotationLine;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

/**
 * A picture of results: the roofline of each device and time per step by model, both in fp32; host
 * time by number of tensors.
 */
record ReportPicture(String name, String title, Chart<?, ?> chart) {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 540;

  /** Okabe and Ito's, told apart by the colour-blind too, and some of Tol's. */
  private static final Color[] COLOURS = {
    new Color(0x0072B2),
    new Color(0xE69F00),
    new Color(0x009E73),
    new Color(0xCC3311),
    new Color(0x56B4E9),
    new Color(0xCC79A7),
    new Color(0x666666),
    new Color(0xF0E442),
    new Color(0x332288),
    new Color(0x882255),
    new Color(0xAAAAAA),
    new Color(0x117733),
    new Color(0xAA4499),
    new Color(0x999933),
    new Color(0x88CCEE),
    new Color(0xDDCC77)
  };

  /** Whatever the lines have enough for. */
  static List<ReportPicture> of(Lines lines) {
    List<ReportPicture> pictures = new ArrayList<>();
    Lines normal = lines.of("step").where("rows", "normal").where("dtype", "fp32");
    normal
        .by("device")
        .forEach(
            (device, of) -> {
              String name = device.getFirst().replace(":", "");
              pictures.add(roofline(name, device.getFirst(), of, lines));
              of.by("rule")
                  .forEach((rule, steps) -> pictures.add(times(name, rule.getFirst(), steps)));
            });
    hostTime(lines).ifPresent(pictures::add);
    return pictures;
  }

  /** Bandwidth over bytes moved, with what a copy and a stream reach as lines. */
  private static ReportPicture roofline(String name, String device, Lines steps, Lines lines) {
    String title = "Bandwidth of Warpstep's steps, " + device;
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("MB moved in a step")
            .yAxisTitle("GB/s")
            .build();
    style(chart.getStyler());
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
    double highest = 0;
    for (Map.Entry<List<String>, Lines> series :
        steps.where("library", "warpstep").by("rule", "way").entrySet()) {
      List<Double> x = new ArrayList<>();
      List<Double> y = new ArrayList<>();
      for (Lines of : series.getValue().by("model", "threads").values()) {
        x.add(of.bytes() / 1e6);
        y.add(of.gigabytesPerSecond());
        highest = Math.max(highest, of.gigabytesPerSecond());
      }
      chart.addSeries(String.join(", ", series.getKey()), x, y);
    }
    StringBuilder legend = new StringBuilder("MB moved in a step");
    for (Map.Entry<List<String>, Lines> limit :
        lines.of("bandwidth").where("device", device).by("name").entrySet()) {
      double rate = limit.getValue().median("gigabytes_per_second");
      chart.addAnnotation(new AnnotationLine(rate, false, false));
      highest = Math.max(highest, rate);
      legend.append(
          String.format(Locale.ROOT, "; line: %s %.4g GB/s", limit.getKey().getFirst(), rate));
    }
    chart.setXAxisTitle(legend.toString());
    chart.getStyler().setYAxisMin(0.0);
    chart.getStyler().setYAxisMax(1.1 * highest);
    return new ReportPicture("roofline-" + name, title, chart);
  }

  /** Bars of every library and way, by model; times differ by orders of magnitude. */
  private static ReportPicture times(String name, String rule, Lines steps) {
    String title = "Time of a step: " + rule;
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .yAxisTitle("milliseconds")
            .build();
    style(chart.getStyler());
    chart.getStyler().setYAxisLogarithmic(true);
    Set<String> models = new LinkedHashSet<>();
    steps.rows().stream()
        .sorted(Comparator.comparing(row -> ((Number) row.get("parameters")).longValue()))
        .forEach(row -> models.add(Lines.text(row, "model")));
    Map<List<String>, Lines> ways = new LinkedHashMap<>(steps.by("library", "way"));
    ways.keySet().removeIf(way -> way.getFirst().equals("probe"));
    double least = Double.MAX_VALUE;
    for (Map.Entry<List<String>, Lines> way : ways.entrySet()) {
      List<Double> millis = new ArrayList<>();
      for (String model : models) {
        Lines of = way.getValue().where("model", model);
        double median = of.isEmpty() ? Double.NaN : of.median("ms");
        millis.add(of.isEmpty() ? null : median);
        least = of.isEmpty() ? least : Math.min(least, median);
      }
      chart.addSeries(String.join(", ", way.getKey()), List.copyOf(models), millis);
    }
    chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(least))));
    return new ReportPicture("time-%s-%s".formatted(rule, name), title, chart);
  }

  private static Optional<ReportPicture> hostTime(Lines lines) {
    Lines plans = lines.of("jmh").where("benchmark", "PlanBenchmark.step");
    if (plans.isEmpty()) {
      return Optional.empty();
    }
    String title = "Host time of a step by number of tensors";
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("tensors of 16 elements")
            .yAxisTitle("microseconds")
            .build();
    style(chart.getStyler());
    chart.getStyler().setXAxisLogarithmic(true);
    chart.getStyler().setYAxisLogarithmic(true);
    plans
        .by("device", "change")
        .forEach(
            (key, of) -> {
              List<Double> x = new ArrayList<>();
              List<Double> y = new ArrayList<>();
              of.by("tensors")
                  .forEach(
                      (tensors, at) -> {
                        x.add(Double.valueOf(tensors.getFirst()));
                        y.add(at.median("us"));
                      });
              chart.addSeries(String.join(", ", key), x, y);
            });
    return Optional.of(new ReportPicture("host-time", title, chart));
  }

  private static void style(AxesChartStyler styler) {
    styler.setLocale(Locale.ROOT);
    styler.setSeriesColors(COLOURS);
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setPlotGridLinesColor(new Color(0xDDDDDD));
    styler.setLegendPosition(LegendPosition.OutsideE);
    styler.setLegendLayout(LegendLayout.Vertical);
    styler.setLegendBorderColor(Color.WHITE);
    styler.setAnnotationLineColor(new Color(0x555555));
    styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 16));
    styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
  }

  void write(Path file) throws IOException {
    BitmapEncoder.saveBitmap(chart, file.toString(), BitmapEncoder.BitmapFormat.PNG);
  }
}
