package dev.warpstep.checkpoint;

import java.lang.foreign.Arena;
import java.nio.file.Path;

/**
 * Checkpoints as safetensors files, which any reader of that format shows, too.
 *
 * <p>A save that returns is on the device, and one that does not leaves the file that was there, as
 * {@link AtomicFile}. A file of which one bit differs from what was saved is refused: the header
 * and each tensor have a checksum (CRC-32C).
 *
 * <p>Tensors stream. Besides them, saving takes 4 MiB, and some 10 kB of short-lived objects for
 * each. Loading takes at most 4 times the file and 16 MB, tensors included, whatever the file
 * claims.
 *
 * @see <a href="https://github.com/huggingface/safetensors">the format</a>
 */
public final class CheckpointFile {
  private CheckpointFile() {}

  /**
   * Writes a file, or replaces it. The tensors must not change meanwhile.
   *
   * @throws CheckpointException if the checkpoint cannot be told in a file: a parameter in two
   *     groups, a name that is no valid Unicode or too long, more than 64 dimensions, a header
   *     beyond 100 MB; or if the file system fails. The old file then stays
   * @throws IllegalStateException if the memory of a tensor was freed
   * @throws WrongThreadException if it is confined to another thread
   */
  public static void save(Path file, Checkpoint checkpoint) throws CheckpointException {
    CheckpointWriter.write(FileOperations.SYSTEM, file, checkpoint);
  }

  /**
   * Reads a file into new memory, which is freed when none of its tensors is reachable any more.
   *
   * @throws CheckpointException if there is no such file, it is no checkpoint of this version, it
   *     is not bit for bit what was saved, or there is not enough memory
   */
  public static Checkpoint load(Path file) throws CheckpointException {
    return load(file, Arena.ofAuto());
  }

  /**
   * Reads a file into memory of an arena, which keeps the memory of a file that is refused, too.
   *
   * @throws CheckpointException as {@link #load(Path)}
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if it is confined to another thread
   */
  public static Checkpoint load(Path file, Arena arena) throws CheckpointException {
    return CheckpointReader.read(file, CheckpointReader.copied(arena));
  }

  /**
   * Maps a file: its tensors are read-only and stay in it until the arena is closed. It may be
   * replaced by {@link #save} meanwhile, but not changed in place. A file that is refused stays
   * mapped, too.
   *
   * @throws CheckpointException as {@link #load(Path)}
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if it is confined to another thread
   */
  public static Checkpoint map(Path file, Arena arena) throws CheckpointException {
    return CheckpointReader.read(file, CheckpointReader.mapped(arena));
  }
}
