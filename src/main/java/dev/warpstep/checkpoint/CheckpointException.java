package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A checkpoint that could not be written or read. The message names the file, the entry if it is
 * about one, and the reason.
 */
public final class CheckpointException extends IOException {
  private static final long serialVersionUID = 1;

  private final transient Path file;
  private final String entry;

  /**
   * A failure of a whole file.
   *
   * @param file that was read or written
   * @param reason what is wrong, with the value
   */
  public CheckpointException(Path file, String reason) {
    super("%s: %s".formatted(file, reason));
    this.file = file;
    this.entry = null;
  }

  /**
   * A failure of one entry.
   *
   * @param file that was read or written
   * @param entry of the file, such as the name of a tensor
   * @param reason what is wrong, with the value
   */
  public CheckpointException(Path file, String entry, String reason) {
    super("%s: %s: %s".formatted(file, entry, reason));
    this.file = file;
    this.entry = entry;
  }

  /**
   * A failure of the file system.
   *
   * @param file that was read or written
   * @param action what was tried, for example {@code force}
   * @param cause what the file system said
   */
  public CheckpointException(Path file, String action, IOException cause) {
    super("%s: cannot %s: %s".formatted(file, action, cause), cause);
    this.file = file;
    this.entry = null;
  }

  /** The file; null after deserialisation. */
  public Path file() {
    return file;
  }

  /** The entry, if it is about one. */
  public Optional<String> entry() {
    return Optional.ofNullable(entry);
  }
}
