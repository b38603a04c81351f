package dev.warpstep.checkpoint.torch;

/**
 * What the things of a file take of the heap, in bytes of a 64-bit JVM of up to 32 GB. The reader
 * charges it to its {@link Budget}; the writer adds it up, to know how large a file must be.
 *
 * <p>An entry of a hash table is counted as 64 bytes, which it takes in a tree with its share of
 * the table: a file may have keys of one hash code.
 */
final class Footprint {
  // Of a pickle.
  static final int NUMBER = 16;
  static final int STORAGE = 32;
  static final int SEQUENCE = 40;
  static final int DICT = 56;
  static final int TUPLE_ITEM = 4;

  /** What a list has besides, which grows by half of itself: of a pickle, the stack or the memo. */
  static final int ITEM = 6;

  /** Settings of a param group: a map of boxed numbers that is wrapped, and places in lists. */
  static final int GROUP = 416;

  /** A setting without effect, with its number as text, and places in lists. */
  static final int DROPPED = 112;

  /** An element of {@code params} or {@code param_names} while its group is read. */
  static final int MEMBER = 8;

  /** A parameter of a group: tables of numbers and of names, and a place in a list. */
  static final int PARAMETER = 136;

  /** A parameter's state: a map of arrays that is wrapped, and entries of two tables. */
  static final int STATE = 312;

  /** What native memory of its own takes besides. */
  static final int ALLOCATION = 128;

  private Footprint() {}

  /** An entry of the archive. */
  static long entry(String name) {
    return 128 + (long) name.length();
  }

  /**
   * A text of a pickle.
   *
   * @param utf8Bytes its length in the file; longer than the text where it has other characters
   *     than ASCII's, which may take two bytes each
   */
  static long text(String text, long utf8Bytes) {
    return 44 + (text.length() < utf8Bytes ? 2L * text.length() : utf8Bytes);
  }

  /** A tensor of a pickle, not read yet. */
  static long pickledTensor(int rank) {
    return 32 + (rank == 0 ? 0 : 2 * (16 + 8L * rank));
  }

  /** A state array without its values: a segment, a list of boxed sizes and an entry of a table. */
  static long tensor(int rank) {
    return 136 + 24L * rank;
  }
}
