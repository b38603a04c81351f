package dev.warpstep;

import dev.warpstep.backend.PreparedStep;
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

  /** Master weights that the optimizer allocated; empty until the first step, or for good. */
  Optional<Storage> master = Optional.empty();

  /** Where the parameter is part of a prepared step, if it is. */
  private Optional<Place> place = Optional.empty();

  private record Place(
      PreparedStep step, int tensor, Storage gradient, Optional<Storage> ownMaster) {}

  Slot(Parameter parameter, int group, int counter) {
    this.parameter = parameter;
    this.group = group;
    this.counter = counter;
  }

  /** The parameter's master weights, its own or the optimizer's, if there are any so far. */
  Optional<Storage> presentMaster() {
    return parameter.masterStorage().or(() -> master);
  }

  /** The parameter is tensor number {@code tensor} of a prepared step. */
  void placeIn(PreparedStep step, int tensor) {
    place =
        Optional.of(
            new Place(
                step,
                tensor,
                parameter.gradientStorage().orElseThrow(),
                parameter.masterStorage()));
  }

  /** The parameter is part of no prepared step. */
  void displace() {
    place = Optional.empty();
  }

  /** What became of a gradient since the step was prepared. */
  enum Gradient {
    /** Nothing. */
    SAME,
    /** It is elsewhere, and the prepared step reads it there. */
    MOVED,
    /** It appeared, vanished or changed its type: another step must be prepared. */
    CHANGED
  }

  /**
   * Makes the prepared step read the gradient where it is now.
   *
   * @throws IllegalStateException if the parameter is closed
   */
  Gradient follow() {
    Optional<Storage> gradient = parameter.gradientStorage();
    if (gradient.isEmpty() && place.isEmpty()) {
      return Gradient.SAME;
    }
    if (gradient.isEmpty() || place.isEmpty()) {
      return Gradient.CHANGED;
    }
    Place old = place.get();
    if (gradient.get().type() != old.gradient().type()
        || !parameter.masterStorage().equals(old.ownMaster())) {
      return Gradient.CHANGED;
    }
    if (gradient.get().isSameMemory(old.gradient())) {
      return Gradient.SAME;
    }
    old.step().moveGradient(old.tensor(), gradient.get());
    placeIn(old.step(), old.tensor());
    return Gradient.MOVED;
  }
}
