package dev.warpstep.backend;

import java.util.List;

/**
 * Where one tensor of a plan lives.
 *
 * @param name of the parameter, for messages
 * @param parameter its values, updated in place
 * @param gradient as long as the parameter
 * @param states in the order of {@link Entry#states()}, each as long as the parameter
 */
public record TensorBinding(
    String name, Storage parameter, Storage gradient, List<Storage> states) {
  /** Copies the list. */
  public TensorBinding {
    states = List.copyOf(states);
  }

  /** The same tensor with its gradient elsewhere. */
  public TensorBinding withGradient(Storage newGradient) {
    return new TensorBinding(name, parameter, newGradient, states);
  }
}
