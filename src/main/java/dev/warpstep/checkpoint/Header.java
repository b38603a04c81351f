package dev.warpstep.checkpoint;

import dev.warpstep.DType;
import java.util.List;
import java.util.Map;

/**
 * What a safetensors file says of itself.
 *
 * <pre>
 *   0        length of the header, 8 bytes, little-endian
 *   8        header: JSON in UTF-8, then spaces
 *   8+length tensors, one after another without gaps, little-endian
 * </pre>
 *
 * @param metadata strings by key, in the file's order
 * @param tensors by name, in the file's order, which is that of their bytes
 */
record Header(Map<String, String> metadata, Map<String, Tensor> tensors) {
  /** That of the format's own reader. */
  static final int MOST_BYTES = 100_000_000;

  /** NumPy's. */
  static final int MOST_DIMENSIONS = 64;

  static final int LENGTH_BYTES = Long.BYTES;

  /** So that mapped values are aligned; the writer puts wide types first. */
  static final int ALIGNMENT = 8;

  static final String CURRENT_VERSION = "1";

  static final String BEFORE_VERSION = "{\"%s\":{\"%s\":\"".formatted(Keys.METADATA, Keys.VERSION);

  /** The checksum follows, at the same place in every file. */
  static final String BEFORE_CHECKSUM =
      BEFORE_VERSION + "%s\",\"%s\":\"".formatted(CURRENT_VERSION, Keys.CHECKSUM);

  /**
   * Where a tensor is.
   *
   * @param begin of its bytes, from the end of the header
   * @param sizeBytes as many as its shape says
   */
  record Tensor(DType dtype, List<Long> shape, long begin, long sizeBytes) {}

  /** Bytes of all tensors. */
  long dataBytes() {
    return tensors.values().stream().mapToLong(Tensor::sizeBytes).sum();
  }

  /** The format's name of a type. */
  static String code(DType dtype) {
    return switch (dtype) {
      case FLOAT16 -> "F16";
      case BFLOAT16 -> "BF16";
      case FLOAT32 -> "F32";
      case FLOAT64 -> "F64";
    };
  }
}
