package dev.warpstep.checkpoint;

/**
 * How much memory the reading of a file may take: 4 times the file and 16 MB, however the file was
 * made to be small on disk and large in memory. What is written is padded until it fits.
 *
 * <p>The charges are upper bounds of what the reader allocates, garbage included, measured on files
 * that consist of one thing only.
 */
final class Allowance {
  /** Of the 16 MB; the rest is for what does not grow with the file. */
  private static final long FIXED = 4_000_000;

  private static final int TIMES_FILE = 4;

  /** Entries of maps, their strings' headers, and what is made of them. */
  private static final int METADATA = 400;

  private static final int TENSOR = 800;
  private static final int DIMENSION = 40;

  /** A value of nested JSON. */
  private static final int VALUE = 160;

  /** A parser for nested JSON. */
  private static final int DOCUMENT = 4_000;

  /** From here on Jackson builds a text of segments. */
  private static final int LONG_TEXT = 200;

  private static final int SHORT_CHAR = 6;
  private static final int LONG_CHAR = 10;

  private final long limit;
  private long charged;

  private Allowance(long limit) {
    this.limit = limit;
  }

  /** For a file of a size. */
  static Allowance of(long fileBytes) {
    return new Allowance(TIMES_FILE * fileBytes + FIXED);
  }

  /** To find out what a file would take. */
  static Allowance unlimited() {
    return new Allowance(Long.MAX_VALUE);
  }

  /** How many bytes must be added to a file that takes so much, so that it may. */
  long shortfall(long fileBytes) {
    long missing = charged - FIXED - TIMES_FILE * fileBytes;
    // What is added is charged itself, once.
    return Math.max(0, Math.ceilDiv(missing, TIMES_FILE - 1));
  }

  /** Takes of it what is about to be allocated, or was just. */
  void charge(long bytes) throws HeaderException {
    charged += bytes;
    if (charged > limit) {
      throw new HeaderException("would take more memory than 4 times the file and 16 MB");
    }
  }

  void chargeMetadata(String name, String value) throws HeaderException {
    charge(METADATA + text(name) + text(value));
  }

  void chargeTensor(String name) throws HeaderException {
    charge(TENSOR + text(name));
  }

  void chargeDimension() throws HeaderException {
    charge(DIMENSION);
  }

  void chargeDocument(String json) throws HeaderException {
    charge(DOCUMENT + text(json));
  }

  void chargeValue() throws HeaderException {
    charge(VALUE);
  }

  void chargeText(String text) throws HeaderException {
    charge(text(text));
  }

  private static long text(String text) {
    return (long) text.length() * (text.length() < LONG_TEXT ? SHORT_CHAR : LONG_CHAR);
  }
}
