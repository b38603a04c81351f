package dev.warpstep.checkpoint.torch;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a pickle may name. The names are compared with this list and stand for nothing but its
 * entries: no class is looked up, and nothing is called.
 *
 * @param kind what a pickle may do with it
 * @param storage the class, if it is one of storages
 */
record Global(Kind kind, Optional<StorageType> storage) {
  enum Kind {
    /** A dict; its attributes are ignored. */
    ORDERED_DICT,
    /** A dict, made of another; MultiStepLR's milestones. */
    COUNTER,
    /** A tuple, made of another. */
    SIZE,
    /** A tensor over a storage. */
    TENSOR,
    /** A tensor, made of another. */
    PARAMETER,
    /** The type of a storage. */
    STORAGE
  }

  private static final Map<String, Global> ALLOWED = new HashMap<>();

  static {
    allow("collections.OrderedDict", Kind.ORDERED_DICT);
    allow("collections.Counter", Kind.COUNTER);
    allow("torch.Size", Kind.SIZE);
    allow("torch._utils._rebuild_tensor_v2", Kind.TENSOR);
    allow("torch._utils._rebuild_parameter", Kind.PARAMETER);
    for (StorageType type : StorageType.values()) {
      ALLOWED.put("torch." + type.className(), new Global(Kind.STORAGE, Optional.of(type)));
    }
  }

  private static void allow(String name, Kind kind) {
    ALLOWED.put(name, new Global(kind, Optional.empty()));
  }

  /** The entry of a module's name, if it is on the list. */
  static Optional<Global> of(String module, String name) {
    return Optional.ofNullable(ALLOWED.get(module + "." + name));
  }
}
