package dev.warpstep.checkpoint.torch;

import java.util.ArrayList;
import java.util.List;

/**
 * A list or tuple of a pickle. It has identity, not equality: a list may contain itself.
 *
 * @param values the elements
 * @param isList whether a pickle may append to it
 */
record PickleSequence(List<Object> values, boolean isList) {
  static PickleSequence list() {
    return new PickleSequence(new ArrayList<>(0), true);
  }

  static PickleSequence tuple(List<Object> values) {
    return new PickleSequence(List.copyOf(values), false);
  }

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }

  @Override
  public String toString() {
    return isList ? "list" : "tuple";
  }
}
