package dev.warpstep.cli;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Loss curves of several optimizers on one picture. */
final class LossPicture {
  private static final int WIDTH = 960;
  private static final int HEIGHT = 600;
  private static final int DOTS_PER_INCH = 144;

  /** Okabe and Ito's, told apart by the colour-blind too. */
  private static final Color[] COLOURS = {
    new Color(0x0072B2),
    new Color(0xE69F00),
    new Color(0x009E73),
    new Color(0xCC3311),
    new Color(0x56B4E9),
    new Color(0xCC79A7),
    new Color(0x999999),
    new Color(0x000000)
  };

  private final XYChart chart;

  LossPicture(String title, String yTitle) {
    chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle("step")
            .yAxisTitle(yTitle)
            .build();
    XYStyler styler = chart.getStyler();
    styler.setLocale(Locale.ROOT);
    styler.setSeriesColors(COLOURS);
    styler.setChartBackgroundColor(Color.WHITE);
    styler.setPlotBorderVisible(false);
    styler.setPlotGridLinesColor(new Color(0xDDDDDD));
    styler.setPlotContentSize(0.98);
    styler.setXAxisMin(0.0);
    styler.setLegendPosition(LegendPosition.InsideNE);
    styler.setLegendBorderColor(new Color(0xDDDDDD));
    styler.setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 16));
    styler.setAxisTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
    styler.setAxisTickLabelsFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    styler.setLegendFont(new Font(Font.SANS_SERIF, Font.PLAIN, 13));
  }

  /** Fixes the range of the losses shown. */
  LossPicture range(double smallest, double largest) {
    chart.getStyler().setYAxisMin(smallest);
    chart.getStyler().setYAxisMax(largest);
    chart.getStyler().setYAxisDecimalPattern("0.00");
    return this;
  }

  /**
   * Adds a curve.
   *
   * @param mostPoints if there are more losses, as many in a row as needed are shown as their mean
   */
  void add(String name, List<Double> losses, int mostPoints) {
    chart.getStyler().setXAxisMax((double) losses.size());
    int window = Math.ceilDiv(losses.size(), mostPoints);
    int points = Math.ceilDiv(losses.size(), window);
    double[] x = new double[points];
    double[] y = new double[points];
    for (int i = 0; i < points; i++) {
      List<Double> part = losses.subList(i * window, Math.min(losses.size(), (i + 1) * window));
      x[i] = i * window + part.size() / 2.0;
      y[i] = part.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
    XYSeries series = chart.addSeries(name, x, y);
    series.setMarker(SeriesMarkers.NONE);
    series.setLineStyle(new BasicStroke(1.3f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
  }

  /** Writes a PNG. */
  void write(Path file) throws IOException {
    BitmapEncoder.saveBitmapWithDPI(
        chart, file.toString(), BitmapEncoder.BitmapFormat.PNG, DOTS_PER_INCH);
  }
}
