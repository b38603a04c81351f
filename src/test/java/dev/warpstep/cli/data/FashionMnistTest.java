package dev.warpstep.cli.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FashionMnistTest {
  private static final Path SUBSET = Path.of("data", "fashion-mnist");

  @TempDir private Path directory;

  @Test
  void comesWithASubsetThatHasAsManyImagesOfEachClass() throws DataException {
    FashionMnist subset = FashionMnist.read(SUBSET);

    assertEquals(5_000, subset.training().count());
    assertEquals(1_000, subset.test().count());
    assertEquals(28 * 28, subset.training().width());
    assertClasses(500, subset.training());
    assertClasses(100, subset.test());
  }

  /** The original begins with an ankle boot, a T-shirt and a T-shirt. */
  @Test
  void keepsTheOriginalOrder() throws DataException {
    ImageSet training = FashionMnist.read(SUBSET).training();

    assertArrayEquals(new byte[] {9, 0, 0, 3, 0}, Arrays.copyOf(training.labels(), 5));
  }

  @Test
  void scalesPixelsFromZeroToOne() throws DataException {
    ImageSet training = FashionMnist.read(SUBSET).training();
    float smallest = Float.POSITIVE_INFINITY;
    float largest = Float.NEGATIVE_INFINITY;
    float[] pixels = new float[training.width()];
    for (int i = 0; i < training.count(); i++) {
      training.read(i, pixels);
      for (float pixel : pixels) {
        smallest = Math.min(smallest, pixel);
        largest = Math.max(largest, pixel);
      }
    }
    assertEquals(0, smallest);
    assertEquals(1, largest);
  }

  @Test
  void refusesLabelsThatDoNotFitTheImages() throws Exception {
    IdxFiles.writeDataSet(directory, 20, 10);
    Path labels = directory.resolve("t10k-labels-idx1-ubyte.gz");

    IdxFiles.write(labels, IdxFiles.content(0x801, List.of(9), new byte[9]));
    assertRefused(labels + " must have a label for each of the 10 images", "had 9");

    byte[] tooHigh = new byte[10];
    tooHigh[3] = 10;
    IdxFiles.write(labels, IdxFiles.content(0x801, List.of(10), tooHigh));
    assertRefused(labels + " must have labels below 10, had 10");
  }

  @Test
  void refusesImagesOfDifferentSizes() throws Exception {
    IdxFiles.writeDataSet(directory, 20, 10);
    IdxFiles.write(
        directory.resolve("t10k-images-idx3-ubyte"),
        IdxFiles.content(0x803, List.of(10, 5, 6), new byte[300]));
    assertRefused("had 36 pixels in train and 30 in t10k");
  }

  @Test
  void saysWhereToGetWhatIsMissing() {
    assertRefused(
        directory.resolve("train-images-idx3-ubyte").toString(),
        "https://github.com/zalandoresearch/fashion-mnist",
        "dataset-fashion-mnist");
  }

  private static void assertClasses(int expected, ImageSet images) {
    int[] counts = new int[ImageSet.CLASSES];
    for (byte label : images.labels()) {
      counts[label]++;
    }
    int[] even = new int[ImageSet.CLASSES];
    Arrays.fill(even, expected);
    assertArrayEquals(even, counts);
  }

  private void assertRefused(String... messages) {
    DataException e = assertThrows(DataException.class, () -> FashionMnist.read(directory));
    for (String message : messages) {
      assertTrue(e.getMessage().contains(message), e::getMessage);
    }
  }
}
