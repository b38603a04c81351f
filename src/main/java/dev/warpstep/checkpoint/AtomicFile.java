package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Writes a file whole or not at all, whatever happens meanwhile.
 *
 * <pre>
 *   write   .NAME.0123456789abcdef.tmp, in the same folder, locked
 *   force   its bytes, then close
 *   link    .NAME.0123456789abcdef.old to the file that is replaced, if there is one
 *   rename  to NAME, in one step
 *   force   the folder, then remove .old
 * </pre>
 *
 * <p>A crash at any moment, {@code kill -9} and loss of power included, leaves the old file or the
 * new one under the name; when {@link #write} returns, it is the new one. What dead processes left
 * is removed by the next write of the same name. Threads and processes may write different names of
 * one folder at once, the same name one at a time.
 */
public final class AtomicFile {
  private AtomicFile() {}

  /** Writes the content of a file. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes everything.
     *
     * @param channel empty; may be written in any order
     * @throws IOException if that fails; the old file then stays
     */
    void writeTo(SeekableByteChannel channel) throws IOException;
  }

  /**
   * Replaces a file, or creates it. If that fails, the old file is there as before, or none if
   * there was none, and no temporary one. Only where the file cannot have a second name, as on FAT
   * or if the system forbids it, and the folder could not be forced, the new file stays. The new
   * file has the permissions of a new file, whatever those of the old one were.
   *
   * @param file to write; a symbolic link is itself replaced
   * @throws CheckpointException if the content throws one, or the file system fails: a folder that
   *     does not exist, no permission, a full disk
   */
  public static void write(Path file, Content content) throws CheckpointException {
    write(FileOperations.SYSTEM, file, content);
  }

  static void write(FileOperations system, Path file, Content content) throws CheckpointException {
    Objects.requireNonNull(content, "content");
    Path target = file.toAbsolutePath();
    if (target.getFileName() == null || Files.isDirectory(target)) {
      throw new CheckpointException(file, "is a directory");
    }
    Replacement replacement = new Replacement(system, target);
    try {
      replacement.write(content);
      replacement.commit();
    } catch (CheckpointException e) {
      replacement.rollBack(e);
      throw e;
    } catch (IOException e) {
      CheckpointException failure = new CheckpointException(file, replacement.action(), e);
      replacement.rollBack(failure);
      throw failure;
    } catch (RuntimeException | Error e) {
      replacement.rollBack(e);
      throw e;
    }
  }
}
