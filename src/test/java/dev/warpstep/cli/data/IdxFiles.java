package dev.warpstep.cli.data;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;

/** Writes IDX files for tests. */
public final class IdxFiles {
  private IdxFiles() {}

  /** The content of a file of bytes. */
  static byte[] content(int magic, List<Integer> shape, byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.allocate(4 + 4 * shape.size() + bytes.length).putInt(magic);
    shape.forEach(buffer::putInt);
    return buffer.put(bytes).array();
  }

  /** Writes a file, gzipped if its name says so. */
  static Path write(Path path, byte[] content) throws IOException {
    try (OutputStream file = Files.newOutputStream(path);
        OutputStream out = path.toString().endsWith(".gz") ? new GZIPOutputStream(file) : file) {
      out.write(content);
    }
    return path;
  }

  /** Writes a data set of random 6 × 6 images, brighter the higher their class. */
  public static void writeDataSet(Path directory, int training, int test) throws IOException {
    writePart(directory, "train", training);
    writePart(directory, "t10k", test);
  }

  private static void writePart(Path directory, String part, int count) throws IOException {
    SplittableRandom random = new SplittableRandom(count);
    byte[] pixels = new byte[count * 36];
    byte[] labels = new byte[count];
    for (int i = 0; i < count; i++) {
      labels[i] = (byte) (i % ImageSet.CLASSES);
      for (int j = 0; j < 36; j++) {
        pixels[36 * i + j] = (byte) (20 * labels[i] + random.nextInt(40));
      }
    }
    write(
        directory.resolve(part + "-images-idx3-ubyte"),
        content(0x803, List.of(count, 6, 6), pixels));
    write(
        directory.resolve(part + "-labels-idx1-ubyte.gz"), content(0x801, List.of(count), labels));
  }
}
