package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.file.Path;

/** Something in a file that cannot be; who knows the file makes a {@link CheckpointException}. */
final class HeaderException extends IOException {
  private static final long serialVersionUID = 1;

  private final String entry;

  HeaderException(String reason) {
    this("header", reason);
  }

  HeaderException(String entry, String reason) {
    super(reason);
    this.entry = entry;
  }

  CheckpointException in(Path file) {
    return new CheckpointException(file, entry, getMessage());
  }
}
