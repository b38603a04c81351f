package dev.warpstep.checkpoint.torch;

import java.util.Arrays;
import java.util.List;

/**
 * A list or tuple of a pickle. It has identity, not equality: a list may contain itself. A bare
 * array, because a pickle has several tuples for each tensor.
 */
final class PickleSequence {
  /** The tuple of nothing, which every scalar's shape is. */
  static final PickleSequence EMPTY = new PickleSequence(new Object[0], false);

  private static final Object[] NOTHING = {};

  private final boolean isList;
  private Object[] values;
  private int size;

  private PickleSequence(Object[] values, boolean isList) {
    this.values = values;
    this.size = values.length;
    this.isList = isList;
  }

  static PickleSequence list() {
    return new PickleSequence(NOTHING, true);
  }

  static PickleSequence tuple(List<Object> values) {
    return values.isEmpty() ? EMPTY : new PickleSequence(values.toArray(), false);
  }

  /** Whether a pickle may append to it. */
  boolean isList() {
    return isList;
  }

  void append(List<Object> added) {
    if (values.length < size + added.size()) {
      values = Arrays.copyOf(values, Math.max(size + added.size(), size + (size >> 1)));
    }
    for (Object value : added) {
      values[size++] = value;
    }
  }

  int size() {
    return size;
  }

  Object get(int index) {
    return values[index];
  }
}
