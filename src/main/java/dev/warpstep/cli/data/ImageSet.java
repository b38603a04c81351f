package dev.warpstep.cli.data;

import dev.warpstep.cli.network.Samples;
import java.nio.file.Path;

/** Images of one size with a class each; pixels are read as 0 to 1. */
public final class ImageSet implements Samples {
  /** Classes are 0 to 9. */
  public static final int CLASSES = 10;

  private final IdxFile images;
  private final IdxFile labels;
  private final int width;

  private ImageSet(IdxFile images, IdxFile labels) {
    this.images = images;
    this.labels = labels;
    this.width = images.size(1) * images.size(2);
  }

  /**
   * Reads one part of a data set.
   *
   * @param part {@code train} or {@code t10k}, how the names of its two files begin
   * @throws DataException if a file is missing or broken, or they do not fit each other
   */
  static ImageSet read(Path directory, String part) throws DataException {
    IdxFile images = IdxFile.read(directory.resolve(part + "-images-idx3-ubyte"), 3);
    IdxFile labels = IdxFile.read(directory.resolve(part + "-labels-idx1-ubyte"), 1);
    if (images.size(0) != labels.size(0)) {
      throw new DataException(
          "%s must have a label for each of the %d images of %s, had %d"
              .formatted(labels.path(), images.size(0), images.path(), labels.size(0)));
    }
    for (byte label : labels.bytes()) {
      if (label < 0 || label >= CLASSES) {
        throw new DataException(
            "%s must have labels below %d, had %d"
                .formatted(labels.path(), CLASSES, Byte.toUnsignedInt(label)));
      }
    }
    return new ImageSet(images, labels);
  }

  @Override
  public int count() {
    return images.size(0);
  }

  @Override
  public int width() {
    return width;
  }

  @Override
  public void read(int sample, float[] into) {
    byte[] pixels = images.bytes();
    int begin = sample * width;
    for (int i = 0; i < width; i++) {
      into[i] = Byte.toUnsignedInt(pixels[begin + i]) / 255f;
    }
  }

  /** The class of each image, not copied. */
  public byte[] labels() {
    return labels.bytes();
  }

  /** The share of images whose class was found. */
  public double accuracy(int[] classes) {
    int right = 0;
    for (int i = 0; i < classes.length; i++) {
      if (classes[i] == labels()[i]) {
        right++;
      }
    }
    return (double) right / classes.length;
  }
}
