package dev.warpstep.checkpoint.torch;

import dev.warpstep.DType;
import dev.warpstep.ParameterState;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.CheckpointException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** What a file may hold. The reader refuses everything else, and the writer refuses it first. */
final class Limits {
  /** A double holds every count up to here. */
  static final long MOST_STEPS = 1L << 53;

  /** In bytes of UTF-8. */
  static final int LONGEST_TEXT = 1 << 20;

  /** PyTorch's own. */
  static final int MOST_DIMENSIONS = 64;

  private static final int MOST_UTF8 = 3; // bytes for a char

  private final Path file;
  private final TorchLayout layout;
  private final Set<String> names = new HashSet<>();

  /**
   * @param file that is to be written, for messages
   * @param layout of the optimizer whose state it will hold
   */
  Limits(Path file, TorchLayout layout) {
    this.file = file;
    this.layout = layout;
  }

  /**
   * The next parameter.
   *
   * @throws CheckpointException if its name is too long, or another's
   */
  void checkName(int group, String name) throws CheckpointException {
    if (name.length() > LONGEST_TEXT / MOST_UTF8) {
      int bytes = name.getBytes(StandardCharsets.UTF_8).length;
      if (bytes > LONGEST_TEXT) {
        throw refuse(
            "param group " + group, "has a name of %d bytes, beyond %d", bytes, LONGEST_TEXT);
      }
    }
    if (!names.add(name)) {
      throw refuse("param group " + group, "has parameter %s, which is there already", name);
    }
  }

  /**
   * A parameter's state.
   *
   * @throws CheckpointException if it is another optimizer's, or none can be like it
   */
  void checkState(String name, ParameterState complete) throws CheckpointException {
    String where = "state of " + name;
    ParameterState state = MasterEntry.without(complete);
    if (layout.countsSteps() != state.step().isPresent()
        || !state.tensors().keySet().stream().allMatch(layout::hasState)) {
      throw refuse(where, "is not that of its optimizer: %s", state.tensors().keySet());
    }
    for (Map.Entry<String, StateTensor> tensor : complete.tensors().entrySet()) {
      int rank = tensor.getValue().shape().size();
      if (rank > MOST_DIMENSIONS) {
        throw refuse(
            where,
            "has %s with %d dimensions, more than %d",
            tensor.getKey(),
            rank,
            MOST_DIMENSIONS);
      }
    }
    if (state.step().isPresent()) {
      checkSteps(where, state.step().getAsLong());
      if (state.step().getAsLong() == 0 && !isZero(complete)) {
        throw refuse(where, "must be zero, and without master weights, before the first step");
      }
    }
    DType master = MasterEntry.of(complete).map(StateTensor::dtype).orElse(DType.FLOAT32);
    if (master != DType.FLOAT32) {
      throw refuse(where, "must have master weights of fp32, had %s", master);
    }
  }

  private static boolean isZero(ParameterState state) {
    return MasterEntry.of(state).isEmpty()
        && state.tensors().values().stream()
            .allMatch(tensor -> StateReader.isZero(tensor.values()));
  }

  /**
   * A number of steps.
   *
   * @throws CheckpointException if a double does not hold it
   */
  void checkSteps(String where, long steps) throws CheckpointException {
    if (steps > MOST_STEPS) {
      throw refuse(where, "must have at most 2^53 steps, had %d", steps);
    }
  }

  @SuppressWarnings("AnnotateFormatMethod") // Error Prone's annotation would be a dependency
  private CheckpointException refuse(String entry, String reason, Object... values) {
    return new CheckpointException(file, entry, String.format(Locale.ROOT, reason, values));
  }
}
