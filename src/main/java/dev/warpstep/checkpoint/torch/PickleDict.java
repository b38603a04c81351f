package dev.warpstep.checkpoint.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A dict of a pickle, in its order: keys and values side by side in one list. A hash table would
 * need hash codes of whatever a pickle made a key, even of the dict itself, and several times the
 * memory.
 */
final class PickleDict {
  /** An entry. */
  record Item(Object key, Object value) {}

  private final PickleSequence keysAndValues = PickleSequence.list();

  void add(List<Object> added) {
    keysAndValues.append(added);
  }

  int size() {
    return keysAndValues.size() / 2;
  }

  Item item(int index) {
    return new Item(keysAndValues.get(2 * index), keysAndValues.get(2 * index + 1));
  }

  /** The value of a key, the last one if there are several, as in Python. */
  Optional<Object> get(String key) {
    for (int i = keysAndValues.size() - 2; i >= 0; i -= 2) {
      if (key.equals(keysAndValues.get(i))) {
        return Optional.of(keysAndValues.get(i + 1));
      }
    }
    return Optional.empty();
  }

  /** A few of its keys that are text, for messages. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < keysAndValues.size() && names.size() < 20; i += 2) {
      if (keysAndValues.get(i) instanceof String name) {
        names.add(name.substring(0, Math.min(name.length(), 100)));
      }
    }
    return names;
  }
}
