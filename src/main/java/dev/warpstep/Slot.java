package dev.warpstep;

import dev.warpstep.backend.Storage;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** A parameter's place in an optimizer: its group, its step counter, and its state so far. */
final class Slot {
  final Parameter parameter;
  final int group;
  final int counter;

  /** State arrays by name; empty until the first step with a gradient. */
  final Map<String, Storage> states = new LinkedHashMap<>();

  /** The gradient that the prepared step reads, if the parameter is part of it. */
  private Optional<Storage> preparedGradient = Optional.empty();

  Slot(Parameter parameter, int group, int counter) {
    this.parameter = parameter;
    this.group = group;
    this.counter = counter;
  }

  /**
   * Whether the prepared step still reads the gradient that the parameter has now.
   *
   * @throws IllegalStateException if the parameter is closed
   */
  boolean isPrepared() {
    Optional<Storage> gradient = parameter.gradientStorage();
    return gradient.isPresent() == preparedGradient.isPresent()
        && (gradient.isEmpty() || gradient.get().isSameMemory(preparedGradient.get()));
  }

  void markPrepared() {
    preparedGradient = parameter.gradientStorage();
  }
}
