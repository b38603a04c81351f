package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that were cut off, changed or put together wrongly are refused, or read as they were. */
class TorchDamageTest {
  private static final long SEED = 20_261_128;
  private static final int FLIPS = Integer.getInteger("warpstep.test.flips", 5_000);

  /** Two of fp32. */
  private static final String ONES = "\0\0\u0080?".repeat(2);

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void setFile() {
    file = directory.resolve("damaged.pt");
  }

  @ParameterizedTest
  @ValueSource(strings = {"old_sgd_none", "sgd"})
  void refusesAFileThatEndsAnywhereTooEarly(String name) throws Exception {
    TorchFiles.Expected expected = TorchFiles.named(name);
    byte[] whole = Files.readAllBytes(expected.path());
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThrows(CheckpointException.class, () -> expected.reader(file).read());
    }
  }

  @Test
  void refusesAFileWithMoreAtItsEndOrBeginning() throws Exception {
    TorchFiles.Expected expected = TorchFiles.named("adam");
    byte[] whole = Files.readAllBytes(expected.path());
    for (int before = 0; before <= 1; before++) {
      byte[] longer = new byte[whole.length + 1];
      System.arraycopy(whole, 0, longer, before, whole.length);
      Files.write(file, longer);
      assertThrows(CheckpointException.class, () -> expected.reader(file).read());
    }
  }

  /** Padding, times and versions may change; what is read may not. */
  @Test
  void aFlippedBitIsRefusedOrWithoutEffect() throws Exception {
    SplittableRandom random = new SplittableRandom(SEED);
    List<TorchFiles.Expected> all =
        List.of(
            TorchFiles.named("adam_amsgrad"),
            TorchFiles.named("sgd_momentum"),
            TorchFiles.named("big_endian"),
            TorchFiles.named("training"));
    int refused = 0;
    for (TorchFiles.Expected expected : all) {
      byte[] bytes = Files.readAllBytes(expected.path());
      for (int i = 0; i < FLIPS / all.size(); i++) {
        int bit = random.nextInt(8 * bytes.length);
        bytes[bit / 8] ^= (byte) (1 << bit % 8);
        Files.write(file, bytes);
        bytes[bit / 8] ^= (byte) (1 << bit % 8);
        try {
          TorchReaderTest.compare(expected, expected.reader(file).read());
        } catch (CheckpointException e) {
          assertTrue(e.getMessage().startsWith(file + ": "), e::getMessage);
          refused++;
        } catch (AssertionError e) {
          throw new AssertionError("%s, bit %d, seed %d".formatted(expected, bit, SEED), e);
        }
      }
    }
    int most = refused;
    assertTrue(refused > FLIPS / 2, () -> most + " of " + FLIPS + " were refused");
  }

  @Test
  void refusesAnEntryThatIsThereTwice() throws Exception {
    write("data.pkl", "version", "data.pkl");
    assertRefused("archive/data.pkl: is there twice");
  }

  @Test
  void refusesAnArchiveWithoutAPickleOrVersion() throws Exception {
    write("version");
    assertRefused("archive/data.pkl: is missing");
    write("data.pkl");
    assertRefused("version: must be 1 to 10");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "11", "100", "x", "-1", "3.0", ""})
  void refusesOtherVersions(String version) throws Exception {
    try (var channel =
        Files.newByteChannel(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      ZipWriter zip = new ZipWriter(channel, "archive");
      zip.entry("data.pkl", new Pickles().raw(Opcode.NONE).stop());
      zip.entry("version", (version + "\n").getBytes(StandardCharsets.US_ASCII));
      zip.finish();
    }
    assertRefused("version: must be 1 to 10, was " + version);
  }

  @Test
  void namesTheEntryWhoseChecksumDoesNotFit() throws Exception {
    TorchWriter.save(file, twoTensors(3, 3));
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    int second = text.indexOf(ONES, text.indexOf("archive/data/1"));
    byte[] bytes = Files.readAllBytes(file);
    bytes[second] ^= 1;
    Files.write(file, bytes);
    assertRefused(file + ": archive/data/1: is damaged: its CRC-32 must be ");
  }

  @Test
  void storagesWithEachOthersNamesAreNoticedByTheirSizesAlone() throws Exception {
    TorchWriter.save(file, twoTensors(3, 2));
    swapNames();
    assertRefused("must have 3 elements of 4 bytes, has 8 bytes");
    TorchWriter.save(file, twoTensors(3, 3));
    Map<String, ParameterState> before = TorchReader.of(file).read().stateDict().state();
    swapNames();
    Map<String, ParameterState> after = TorchReader.of(file).read().stateDict().state();
    assertArrayEquals(
        before.get("p0").tensor("momentum_buffer").toArray(),
        after.get("p1").tensor("momentum_buffer").toArray());
  }

  private void swapNames() throws IOException {
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    String swapped =
        text.replace("archive/data/0", "archive/data/x")
            .replace("archive/data/1", "archive/data/0")
            .replace("archive/data/x", "archive/data/1");
    Files.writeString(file, swapped, StandardCharsets.ISO_8859_1);
  }

  /** Of 0, 1 and 2, and of ones. */
  private static StateDict twoTensors(int first, int second) {
    float[] ones = new float[second];
    Arrays.fill(ones, 1);
    StateDict zeroth = TorchWriterTest.sgd(Arrays.copyOf(new float[] {0, 1, 2}, first));
    return new StateDict(
        List.of(
            new StateDict.Group(
                zeroth.paramGroups().getFirst().hyperParameters(), List.of("p0", "p1"))),
        Map.of("p0", zeroth.state().get("p"), "p1", TorchWriterTest.sgd(ones).state().get("p")));
  }

  @Test
  void refusesCompressedEntries() throws Exception {
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      zip.putNextEntry(new ZipEntry("archive/data.pkl"));
      zip.write(new byte[1000]);
    }
    assertRefused("archive/data.pkl: is compressed");
  }

  @Test
  void refusesEntriesOutsideOfTheFolder() throws Exception {
    try (var channel =
        Files.newByteChannel(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      ZipWriter zip = new ZipWriter(channel, ".");
      zip.entry("data.pkl", new byte[1]);
      zip.finish();
    }
    byte[] bytes = Files.readAllBytes(file);
    for (int i = 0; i + 1 < bytes.length; i++) {
      if (bytes[i] == '.' && bytes[i + 1] == '/') {
        bytes[i + 1] = '.';
      }
    }
    Files.write(file, bytes);
    assertRefused("is not in the archive's folder");
  }

  private void write(String... entries) throws IOException {
    try (var channel =
        Files.newByteChannel(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ZipWriter zip = new ZipWriter(channel, "archive");
      for (String entry : entries) {
        zip.entry(entry, new byte[] {'3'});
      }
      zip.finish();
    }
  }

  private void assertRefused(String message) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> TorchReader.of(file).read());
    assertTrue(e.getMessage().contains(message), e::getMessage);
  }
}
