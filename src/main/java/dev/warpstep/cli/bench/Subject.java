package dev.warpstep.cli.bench;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A rule on a model, fused and unfused, all from the same values and gradients. The unfused ways
 * share values and state, so that only one is stepped at a time.
 */
public interface Subject extends AutoCloseable {
  /** The library's step. */
  Trainee fused();

  /** Other ways to do the same, by name. */
  Map<String, Trainee> unfused();

  /** How many copies of the model there are, of which each step takes the next. */
  default int copies() {
    return 1;
  }

  /** Gives every gradient the other sign, so that parameters wander around their place. */
  void flip();

  @Override
  void close();

  /**
   * Does steps in every way, and compares all values after those of each.
   *
   * @param steps of each way, for each copy of the model
   * @return the first difference, or empty if there is none
   */
  default Optional<String> difference(int tensors, int steps) {
    // The exact ones first: the others leave their own bits in the state that all share.
    List<Map.Entry<String, Trainee>> ways =
        unfused().entrySet().stream()
            .sorted(Comparator.comparing(way -> !way.getValue().isExact()))
            .toList();
    for (Map.Entry<String, Trainee> way : ways) {
      flip();
      for (int step = 0; step < steps * copies(); step++) {
        fused().step();
        way.getValue().step();
      }
      for (int tensor = 0; tensor < tensors; tensor++) {
        float[] expected = fused().values(tensor);
        float[] values = way.getValue().values(tensor);
        int at =
            way.getValue().isExact()
                ? Arrays.mismatch(expected, values)
                : firstFarOff(expected, values);
        if (at >= 0) {
          return Optional.of(
              "%s: element %d of tensor %d must be %s, was %s"
                  .formatted(way.getKey(), at, tensor, expected[at], values[at]));
        }
      }
    }
    return Optional.empty();
  }

  /**
   * The first element that is off by more than a step of a rule with rate 1e-3 can be when each of
   * its operations is rounded once more, or -1.
   */
  private static int firstFarOff(float[] expected, float[] values) {
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(expected[i] - values[i]) <= 1e-6f)) {
        return i;
      }
    }
    return -1;
  }
}
