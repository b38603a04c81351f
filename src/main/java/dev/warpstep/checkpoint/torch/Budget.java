package dev.warpstep.checkpoint.torch;

import dev.warpstep.checkpoint.CheckpointException;

/**
 * How much memory reading a file may take: three and a half times its size and 6 MiB. A few bytes
 * can describe objects and tensors without end, so everything that is kept is charged before it is
 * allocated, at its {@link Footprint}.
 */
final class Budget {
  private static final long FREE = 6L << 20;

  private final Source source;
  private long left;

  Budget(Source source) {
    this.source = source;
    this.left = most(source.size());
  }

  private static long most(long fileBytes) {
    return 3 * fileBytes + fileBytes / 2 + FREE;
  }

  /** How many bytes a file lacks, at most, for reading it to take so much. */
  static long shortfall(long bytes, long fileBytes) {
    return Math.max(0, Math.ceilDiv(bytes - most(fileBytes), 3));
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

  /** Gives back what was taken for a while. */
  void refund(long bytes) {
    left += bytes;
  }
}
