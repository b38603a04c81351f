package dev.warpstep.checkpoint.torch;

import dev.warpstep.DType;
import java.util.Optional;

/** PyTorch's storage classes, by which a pickle names the type of a tensor's elements. */
enum StorageType {
  FLOAT("FloatStorage", 4, DType.FLOAT32),
  HALF("HalfStorage", 2, DType.FLOAT16),
  BFLOAT16("BFloat16Storage", 2, DType.BFLOAT16),
  DOUBLE("DoubleStorage", 8, DType.FLOAT64),
  LONG("LongStorage", 8, null),
  INT("IntStorage", 4, null),
  // No optimizer's state, but a model that lies in the same file may have them.
  SHORT("ShortStorage", 2, null),
  CHAR("CharStorage", 1, null),
  BYTE("ByteStorage", 1, null),
  BOOL("BoolStorage", 1, null),
  COMPLEX_FLOAT("ComplexFloatStorage", 8, null),
  COMPLEX_DOUBLE("ComplexDoubleStorage", 16, null);

  private final String className;
  private final int elementBytes;
  private final DType dtype;

  StorageType(String className, int elementBytes, DType dtype) {
    this.className = className;
    this.elementBytes = elementBytes;
    this.dtype = dtype;
  }

  static StorageType of(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> FLOAT;
      case FLOAT16 -> HALF;
      case BFLOAT16 -> BFLOAT16;
      case FLOAT64 -> DOUBLE;
    };
  }

  /** Its name in module {@code torch}. */
  String className() {
    return className;
  }

  int elementBytes() {
    return elementBytes;
  }

  /** Warpstep's type, if it has it. */
  Optional<DType> dtype() {
    return Optional.ofNullable(dtype);
  }
}
