package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;

/**
 * How much memory reading a file may take: twice its size and 8 MiB. A few bytes can describe
 * objects and tensors without end, so everything that is kept is charged before it is allocated, at
 * prices of a 64-bit JVM that are rounded up.
 */
final class Budget {
  private static final long FREE = 8L << 20;

  private final Source source;
  private long left;

  Budget(Source source) {
    this.source = source;
    this.left = 2 * source.size() + FREE;
  }

  /**
   * Takes so many bytes.
   *
   * @param entry that describes what is to be allocated
   * @throws CheckpointException if fewer are left
   */
  void charge(String entry, long bytes) throws CheckpointException {
    if (bytes > left) {
      throw source.refuse(
          entry,
          "describes more than fits in the memory that a file of %d bytes may take",
          source.size());
    }
    left -= bytes;
  }
}
