package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;

/** What a pickle would have Python look up and call, for the names of {@link Global} alone. */
final class PickleCalls {
  private static final int LONGEST_KEY = 64;
  private static final long[] NO_NUMBERS = {};

  private final Source source;
  private final String entry;

  PickleCalls(Source source, String entry) {
    this.source = source;
    this.entry = entry;
  }

  Global global(Object module, Object name) throws CheckpointException {
    if (!(module instanceof String moduleName) || !(name instanceof String globalName)) {
      throw source.refuse(entry, "names a global by what is no text");
    }
    return Global.of(moduleName, globalName)
        .orElseThrow(
            () ->
                source.refuse(
                    entry,
                    "refused global %s.%s: only tensors, storages and dicts are read",
                    shown(moduleName),
                    shown(globalName)));
  }

  private static String shown(String name) {
    return name.substring(0, Math.min(name.length(), 100)).replaceAll("\\p{Cntrl}", "?");
  }

  /** What calling a global would give. */
  Object reduce(Object function, Object arguments) throws CheckpointException {
    if (!(function instanceof Global global)
        || !(arguments instanceof PickleSequence tuple)
        || tuple.isList()) {
      throw source.refuse(entry, "calls what is no function");
    }
    switch (global.kind()) {
      case ORDERED_DICT -> {
        if (tuple.size() == 0) {
          return new PickleDict();
        }
      }
      case COUNTER -> {
        if (tuple.size() == 1 && tuple.get(0) instanceof PickleDict dict) {
          return dict;
        }
      }
      case SIZE -> {
        if (tuple.size() == 1 && tuple.get(0) instanceof PickleSequence sizes) {
          return sizes;
        }
      }
      case TENSOR -> {
        if (tuple.size() >= 6 && tuple.get(0) instanceof PickledStorage storage) {
          return tensor(storage, tuple);
        }
      }
      case PARAMETER -> {
        if (tuple.size() == 3 && tuple.get(0) instanceof PickledTensor tensor) {
          return tensor;
        }
      }
      case STORAGE -> {}
    }
    throw source.refuse(entry, "calls %s with arguments of another kind", global.kind());
  }

  private PickledTensor tensor(PickledStorage storage, PickleSequence arguments)
      throws CheckpointException {
    long[] shape = numbers(arguments.get(2));
    long[] strides = numbers(arguments.get(3));
    if (!(arguments.get(1) instanceof Long offset)
        || offset < 0
        || shape.length != strides.length) {
      throw source.refuse(entry, "has a tensor without an offset, a shape and strides");
    }
    PickledTensor tensor = new PickledTensor(storage, offset, shape, strides);
    try {
      tensor.elementCount();
      if (Math.addExact(offset, tensor.span()) > storage.elementCount() && tensor.span() > 0) {
        throw source.refuse(
            entry,
            "has a tensor of %d elements from %d on in a storage of %d",
            tensor.span(),
            offset,
            storage.elementCount());
      }
    } catch (ArithmeticException e) {
      CheckpointException refusal = source.refuse(entry, "has a tensor with too large a shape");
      refusal.initCause(e);
      throw refusal;
    }
    return tensor;
  }

  private long[] numbers(Object value) throws CheckpointException {
    if (!(value instanceof PickleSequence sequence) || sequence.size() > Limits.MOST_DIMENSIONS) {
      throw source.refuse(entry, "has a tensor with no shape, or more than 64 dimensions");
    }
    long[] numbers = sequence.size() == 0 ? NO_NUMBERS : new long[sequence.size()];
    for (int i = 0; i < numbers.length; i++) {
      if (!(sequence.get(i) instanceof Long number) || number < 0) {
        throw source.refuse(entry, "has a tensor with a size or stride that is no count");
      }
      numbers[i] = number;
    }
    return numbers;
  }

  /** Sets attributes, of which a dict has none that matter here: a model's {@code _metadata}. */
  void build(Object state, Object target) throws CheckpointException {
    if (!(target instanceof PickleDict) || !(state instanceof PickleDict)) {
      throw source.refuse(entry, "sets attributes of what is no dict");
    }
  }

  /** What {@code ("storage", type, key, location, element count)} refers to. */
  PickledStorage storage(Object id) throws CheckpointException {
    if (id instanceof PickleSequence tuple
        && tuple.size() == 5
        && "storage".equals(tuple.get(0))
        && tuple.get(1) instanceof Global global
        && global.storage().isPresent()
        && tuple.get(2) instanceof String key
        && key.length() <= LONGEST_KEY
        && tuple.get(4) instanceof Long elementCount
        && elementCount >= 0) {
      return new PickledStorage(global.storage().get(), key, elementCount);
    }
    throw source.refuse(entry, "refers to something outside that is no storage");
  }
}
