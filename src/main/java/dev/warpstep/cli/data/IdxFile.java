package dev.warpstep.cli.data;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * An IDX file of unsigned bytes, plain or gzipped.
 *
 * <pre>
 *   0   2        3      4
 *   +---+--------+------+----------------------+---------
 *   | 0 | 8=byte | rank | rank × size, 32 bits | bytes...     big-endian, last dimension fastest
 *   +---+--------+------+----------------------+---------
 * </pre>
 */
final class IdxFile {
  private static final int UNSIGNED_BYTE = 8;

  private final Path path;
  private final List<Integer> shape;
  private final byte[] bytes;

  private IdxFile(Path path, List<Integer> shape, byte[] bytes) {
    this.path = path;
    this.shape = shape;
    this.bytes = bytes;
  }

  /**
   * Reads a file, or the same with {@code .gz} appended to its name.
   *
   * @param rank how many dimensions it must have
   * @throws DataException if there is neither, or it is not such a file
   */
  static IdxFile read(Path plain, int rank) throws DataException {
    Path gzipped = plain.resolveSibling(plain.getFileName() + ".gz");
    Path path = Files.exists(plain) ? plain : gzipped;
    if (!Files.exists(path)) {
      throw new DataException("there is neither %s nor %s".formatted(plain, gzipped.getFileName()));
    }
    try (InputStream file = new BufferedInputStream(Files.newInputStream(path));
        DataInputStream in =
            new DataInputStream(path.equals(gzipped) ? new GZIPInputStream(file) : file)) {
      return read(path, in, rank);
    } catch (EOFException e) {
      throw new DataException("%s ends too early".formatted(path), e);
    } catch (IOException e) {
      throw new DataException("%s cannot be read: %s".formatted(path, e), e);
    }
  }

  private static IdxFile read(Path path, DataInputStream in, int rank)
      throws IOException, DataException {
    int magic = in.readInt();
    int expected = UNSIGNED_BYTE << 8 | rank;
    if (magic != expected) {
      throw new DataException(
          "%s must begin with 0x%08x, an IDX file of %d-dimensional bytes, began with 0x%08x"
              .formatted(path, expected, rank, magic));
    }
    List<Integer> shape = new ArrayList<>();
    long size = 1;
    for (int i = 0; i < rank; i++) {
      int dimension = in.readInt();
      size *= dimension;
      if (dimension <= 0 || size > Integer.MAX_VALUE - 8) {
        throw new DataException(
            "%s must have positive dimensions and less than 2 GiB, had dimension %d after %s"
                .formatted(path, dimension, shape));
      }
      shape.add(dimension);
    }
    byte[] bytes = in.readNBytes((int) size);
    if (bytes.length < size) {
      throw new EOFException();
    }
    if (in.read() >= 0) {
      throw new DataException(
          "%s must have the %d bytes of its shape %s, had more".formatted(path, size, shape));
    }
    return new IdxFile(path, List.copyOf(shape), bytes);
  }

  Path path() {
    return path;
  }

  /** Size of a dimension. */
  int size(int dimension) {
    return shape.get(dimension);
  }

  /** The content, not copied. */
  byte[] bytes() {
    return bytes;
  }
}
