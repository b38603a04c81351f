package dev.warpstep.cli.data;

import java.nio.file.Path;

/** Fashion-MNIST, or anything else in the four files of MNIST. */
public record FashionMnist(ImageSet training, ImageSet test) {
  private static final String HOW_TO_GET_IT =
      """
      The directory must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte
      and t10k-labels-idx1-ubyte, plain or with .gz. A subset comes with the sources of Warpstep, in
      data/fashion-mnist; all of it is at https://github.com/zalandoresearch/fashion-mnist, and in the
      Debian package dataset-fashion-mnist.\
      """;

  /**
   * Reads the four files of a directory.
   *
   * @throws DataException if one is missing or broken, or they do not fit each other
   */
  public static FashionMnist read(Path directory) throws DataException {
    try {
      ImageSet training = ImageSet.read(directory, "train");
      ImageSet test = ImageSet.read(directory, "t10k");
      if (training.width() != test.width()) {
        throw new DataException(
            "%s must have images of one size, had %d pixels in train and %d in t10k"
                .formatted(directory, training.width(), test.width()));
      }
      return new FashionMnist(training, test);
    } catch (DataException e) {
      throw new DataException(e.getMessage() + "\n" + HOW_TO_GET_IT, e);
    }
  }
}
