package dev.warpstep.cli.data;

/** Data is missing or broken; the message names the file and says what to do. */
public final class DataException extends Exception {
  private static final long serialVersionUID = 1;

  DataException(String message, Throwable cause) {
    super(message, cause);
  }

  DataException(String message) {
    super(message);
  }
}
