package dev.warpstep.cli.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class IdxFileTest {
  private static final byte[] BYTES = {0, 1, -1, 127, -128, 5};
  private static final byte[] GOOD = IdxFiles.content(0x803, List.of(1, 2, 3), BYTES);

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"images", "images.gz"})
  void readsPlainAndGzippedFilesByThePlainName(String name) throws Exception {
    IdxFiles.write(directory.resolve(name), GOOD);

    IdxFile file = IdxFile.read(directory.resolve("images"), 3);

    assertEquals(directory.resolve(name), file.path());
    assertEquals(List.of(1, 2, 3), List.of(file.size(0), file.size(1), file.size(2)));
    assertArrayEquals(BYTES, file.bytes());
  }

  @ParameterizedTest
  @ValueSource(strings = {"images", "images.gz"})
  void namesAFileThatEndsAnywhereTooEarly(String name) throws Exception {
    for (int length = 0; length < GOOD.length; length++) {
      IdxFiles.write(directory.resolve(name), Arrays.copyOf(GOOD, length));
      assertRefused(name + " ends too early");
    }
  }

  @Test
  void namesAGzippedFileThatIsCutOff() throws Exception {
    Path path = IdxFiles.write(directory.resolve("images.gz"), GOOD);
    byte[] whole = Files.readAllBytes(path);
    Files.write(path, Arrays.copyOf(whole, whole.length - 12));
    assertRefused("images.gz ends too early");
  }

  @Test
  void namesAFileThatIsNotGzippedButCalledSo() throws Exception {
    Files.write(directory.resolve("images.gz"), GOOD);
    assertRefused("images.gz cannot be read: java.util.zip.ZipException: Not in GZIP format");
  }

  @Test
  void refusesAnotherMagicNumber() throws Exception {
    write(IdxFiles.content(0x801, List.of(1, 2, 3), BYTES));
    assertRefused("images must begin with 0x00000803", "began with 0x00000801");
  }

  @Test
  void refusesMoreBytesThanItsShapeSays() throws Exception {
    write(IdxFiles.content(0x803, List.of(1, 2, 2), BYTES));
    assertRefused("images must have the 4 bytes of its shape [1, 2, 2], had more");
  }

  @Test
  void refusesDimensionsThatAreNotPositiveOrTooLarge() throws Exception {
    write(IdxFiles.content(0x803, List.of(1, 0, 3), BYTES));
    assertRefused("had dimension 0 after [1]");
    write(IdxFiles.content(0x803, List.of(-1, 2, 3), BYTES));
    assertRefused("had dimension -1 after []");
    write(IdxFiles.content(0x803, List.of(65536, 65536, 65536), BYTES));
    assertRefused("had dimension 65536 after [65536]");
  }

  @Test
  void namesBothFilesThatCouldHaveBeenThere() {
    assertRefused("there is neither", "images nor images.gz");
  }

  private void write(byte[] content) throws IOException {
    IdxFiles.write(directory.resolve("images"), content);
  }

  private void assertRefused(String... messages) {
    DataException e =
        assertThrows(DataException.class, () -> IdxFile.read(directory.resolve("images"), 3));
    for (String message : messages) {
      assertTrue(e.getMessage().contains(message), e::getMessage);
    }
  }
}
