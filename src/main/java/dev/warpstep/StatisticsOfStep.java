package dev.warpstep;

import dev.warpstep.backend.TensorSums;
import java.util.ArrayList;
import java.util.List;

/** Where the statistics of one step are, until another step takes their place. */
record StatisticsOfStep(FusedStep step, long number, long generation) {
  /**
   * @param scale that the step divided gradients by
   * @throws IllegalStateException if they are lost
   */
  List<GroupStatistics> read(double scale) {
    long[] elements = new long[step.groupCount()];
    List<TensorSums> sums = step.sums(number, generation, elements);
    List<GroupStatistics> groups = new ArrayList<>();
    for (int group = 0; group < elements.length; group++) {
      TensorSums of = sums.get(group);
      groups.add(
          new GroupStatistics(
              Math.sqrt(of.gradient()) / scale,
              Math.sqrt(of.parameter()),
              Math.sqrt(of.update()),
              (long) of.zeros(),
              elements[group]));
    }
    return List.copyOf(groups);
  }
}
