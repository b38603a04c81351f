package dev.warpstep.backend;

import java.util.List;

/**
 * One line of the table of kernels ({@code kernels/entries.h}), as a backend reports it.
 *
 * @param index position in the table
 * @param name for example {@code adam_amsgrad}
 * @param states names of the state arrays, in the order the kernel takes them
 * @param hyperParameters names of the hyper-parameters, in the order of a row's slots
 */
public record Entry(int index, String name, List<String> states, List<String> hyperParameters) {
  /** Copies the lists. */
  public Entry {
    states = List.copyOf(states);
    hyperParameters = List.copyOf(hyperParameters);
  }
}
