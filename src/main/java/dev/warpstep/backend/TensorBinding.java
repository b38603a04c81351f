package dev.warpstep.backend;

import java.util.List;
import java.util.Optional;

/**
 * Where one tensor of a plan lives.
 *
 * @param name of the parameter, for messages
 * @param parameter its values, updated in place
 * @param gradient as long as the parameter; the parameter itself if there is none
 * @param states in the order of {@link Entry#states()}, each as long as the parameter
 * @param average of the parameter, as long as it
 */
public record TensorBinding(
    String name,
    Storage parameter,
    Storage gradient,
    List<Storage> states,
    Optional<Storage> average) {
  /** Copies the list. */
  public TensorBinding {
    states = List.copyOf(states);
  }

  /** A tensor without an average. */
  public TensorBinding(String name, Storage parameter, Storage gradient, List<Storage> states) {
    this(name, parameter, gradient, states, Optional.empty());
  }

  /** The same tensor with its gradient elsewhere. */
  public TensorBinding withGradient(Storage newGradient) {
    return new TensorBinding(name, parameter, newGradient, states, average);
  }
}
