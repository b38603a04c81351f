package dev.warpstep.benchmarks;

import dev.warpstep.cli.bench.Model;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Prints the tensor lists as JSON, for peers in other languages: by model, pairs of a size and how
 * often it comes in a row. {@code peers/shapes.json} is its output.
 */
public final class Shapes {
  private Shapes() {}

  /** Prints. */
  public static void main(String[] args) {
    System.out.println(
        Stream.of(Model.values())
            .map(model -> "\"%s\": %s".formatted(model.key(), runs(model.shape().sizes())))
            .collect(Collectors.joining(",\n", "{\n", "\n}")));
  }

  private static List<List<Long>> runs(List<Long> sizes) {
    List<List<Long>> runs = new ArrayList<>();
    for (long size : sizes) {
      if (!runs.isEmpty() && runs.getLast().getFirst() == size) {
        runs.set(runs.size() - 1, List.of(size, runs.getLast().getLast() + 1));
      } else {
        runs.add(List.of(size, 1L));
      }
    }
    return runs;
  }
}
