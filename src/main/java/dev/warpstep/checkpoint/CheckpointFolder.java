package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The last checkpoints of a run, in a folder of their own.
 *
 * <pre>{@code
 * CheckpointFolder folder = CheckpointFolder.open(Path.of("run"), 3);
 * Optional<Checkpoint> last = folder.latest();
 * ...
 * folder.save(checkpoint);    // run/step-0000000000001000.safetensors
 * }</pre>
 *
 * <p>One process at a time saves; others may read.
 */
public final class CheckpointFolder {
  private static final System.Logger LOGGER = System.getLogger(CheckpointFolder.class.getName());

  /** As many digits as 2^53 has: names are in the order of steps. */
  private static final Pattern NAMES = Pattern.compile("step-\\d{16}\\.safetensors");

  private final Path folder;
  private final int keep;
  private final FileOperations system;

  private CheckpointFolder(Path folder, int keep, FileOperations system) {
    this.folder = folder;
    this.keep = keep;
    this.system = system;
  }

  /**
   * A folder, which is made if there is none.
   *
   * @param keep how many checkpoints stay, 1 or more
   * @throws CheckpointException if it cannot be made, or is no folder
   * @throws IllegalArgumentException if none would stay
   */
  public static CheckpointFolder open(Path folder, int keep) throws CheckpointException {
    return open(FileOperations.SYSTEM, folder, keep);
  }

  static CheckpointFolder open(FileOperations system, Path folder, int keep)
      throws CheckpointException {
    if (keep < 1) {
      throw new IllegalArgumentException("keep must be 1 or more, was " + keep);
    }
    try {
      create(system, folder.toAbsolutePath());
    } catch (IOException e) {
      throw new CheckpointException(folder, "make the folder", e);
    }
    return new CheckpointFolder(folder, keep, system);
  }

  /** Makes a folder and those it is in, each of them on the device, as its files will be. */
  private static void create(FileOperations system, Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      Path parent = folder.getParent();
      if (parent != null) {
        create(system, parent);
      }
      system.createFolder(folder);
      if (parent != null) {
        system.forceFolder(parent);
      }
    }
  }

  /** Where the checkpoint of a step is, or would be. */
  public Path file(long step) {
    return folder.resolve(String.format(Locale.ROOT, "step-%016d.safetensors", step));
  }

  /**
   * Writes a checkpoint under its step. When it is on the device, and not before, older ones are
   * deleted until {@code keep} are left with it; those of later steps stay. What a crash left is
   * removed.
   *
   * @return its file
   * @throws CheckpointException if it was not saved, and nothing is changed; or if an older one,
   *     then the exception's file, could not be deleted
   */
  public Path save(Checkpoint checkpoint) throws CheckpointException {
    Path file = file(checkpoint.step());
    try {
      Temporaries.clean(system, folder.toAbsolutePath(), name -> NAMES.matcher(name).matches());
    } catch (IOException e) {
      throw new CheckpointException(folder, "read the folder", e);
    }
    CheckpointWriter.write(system, file, checkpoint);
    List<Path> older = list().stream().filter(other -> other.compareTo(file) <= 0).toList();
    for (Path old : older.subList(0, Math.max(0, older.size() - keep))) {
      try {
        system.delete(old);
      } catch (IOException e) {
        throw new CheckpointException(old, "delete", e);
      }
    }
    return file;
  }

  /**
   * The checkpoints' files, the oldest step first.
   *
   * @throws CheckpointException if the folder cannot be read
   */
  public List<Path> list() throws CheckpointException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
      for (Path entry : entries) {
        if (NAMES.matcher(entry.getFileName().toString()).matches()) {
          files.add(entry);
        }
      }
    } catch (DirectoryIteratorException e) {
      throw new CheckpointException(folder, "read the folder", e.getCause());
    } catch (IOException e) {
      throw new CheckpointException(folder, "read the folder", e);
    }
    Collections.sort(files);
    return files;
  }

  /**
   * The newest checkpoint that loads; a newer one that does not is logged as a warning.
   *
   * @return empty if there is none at all
   * @throws CheckpointException if there are some and none loads: the newest's, with the others'
   *     suppressed
   */
  public Optional<Checkpoint> latest() throws CheckpointException {
    CheckpointException failure = null;
    for (Path file : list().reversed()) {
      try {
        return Optional.of(load(file));
      } catch (CheckpointException e) {
        LOGGER.log(System.Logger.Level.WARNING, "skips a checkpoint that does not load", e);
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
    return Optional.empty();
  }

  private Checkpoint load(Path file) throws CheckpointException {
    Checkpoint checkpoint = CheckpointFile.load(file);
    if (!file.equals(file(checkpoint.step()))) {
      throw new CheckpointException(
          file, Keys.STEP, "must be the name's, was %d: renamed?".formatted(checkpoint.step()));
    }
    return checkpoint;
  }
}
