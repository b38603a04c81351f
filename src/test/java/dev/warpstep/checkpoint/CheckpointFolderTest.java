package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFolderTest {
  @TempDir private Path parent;
  private Path path;
  private CheckpointFolder folder;

  @BeforeEach
  void open() throws IOException {
    path = parent.resolve("runs").resolve("one");
    folder = CheckpointFolder.open(path, 3);
  }

  @Test
  void keepsTheLast() throws IOException {
    assertEquals(Optional.empty(), folder.latest());
    for (long step : new long[] {0, 9, 10, 99, 100, Counts.MOST}) {
      Path file = folder.save(Samples.small(step, 3));
      assertEquals(file, folder.list().getLast());
      Samples.assertSame(Samples.small(step, 3), folder.latest().orElseThrow());
    }
    assertEquals(files(99, 100, Counts.MOST), folder.list());
    assertEquals(
        "step-0000000000000099.safetensors", files(99).getFirst().getFileName().toString());
  }

  @Test
  void aNewFolderThatMayBeLostWithItsParentIsRefused() {
    FaultyOperations system = new FaultyOperations(0);
    Path fresh = parent.resolve("a").resolve("b");
    assertEquals(
        fresh,
        assertThrows(CheckpointException.class, () -> CheckpointFolder.open(system, fresh, 1))
            .file());
    assertEquals(List.of("forceFolder"), system.operations());
  }

  /** Whose digits are not ASCII's. */
  @Test
  void worksInAnyLocale() throws IOException {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
    try {
      assertEquals("\u0661", "%d".formatted(1), "the locale has other digits");
      folder.save(Samples.everything(1, 12));
      Samples.assertSame(Samples.everything(1, 12), folder.latest().orElseThrow());
    } finally {
      Locale.setDefault(before);
    }
  }

  /** A save that goes on while another one cleans up. */
  @Test
  void leavesTheTemporariesOfThisProcessAlone() throws IOException {
    Path relative = Path.of("").toAbsolutePath().relativize(path.toAbsolutePath());
    CheckpointFolder other = CheckpointFolder.open(relative, 3);
    Path file = folder.file(2);
    AtomicFile.write(
        file,
        channel -> {
          other.save(Samples.small(1, 3));
          try (var files = Files.list(path)) {
            assertEquals(1, files.filter(name -> name.toString().endsWith(".tmp")).count());
          }
          channel.write(ByteBuffer.wrap(new byte[] {7}));
        });
    assertEquals(List.of(folder.file(1), file), folder.list());
    assertArrayEquals(new byte[] {7}, Files.readAllBytes(file));
  }

  /** A run that went back to an earlier step. */
  @Test
  void neverDeletesWhatItJustSavedNorLaterSteps() throws IOException {
    for (long step : new long[] {10, 20, 30, 5, 6, 7, 8}) {
      folder.save(Samples.small(step, 3));
    }
    assertEquals(files(6, 7, 8, 10, 20, 30), folder.list());
    folder.save(Samples.small(20, 3));
    assertEquals(files(8, 10, 20, 30), folder.list());
  }

  @Test
  void theNewestThatLoadsIsTaken() throws IOException {
    for (long step = 1; step <= 3; step++) {
      folder.save(Samples.small(step, 3));
    }
    Files.write(folder.file(3), new byte[] {1, 2, 3});
    Files.move(folder.file(1), folder.file(4));
    assertEquals(2, folder.latest().orElseThrow().step());
    Files.delete(folder.file(2));
    CheckpointException failure = assertThrows(CheckpointException.class, folder::latest);
    assertEquals(folder.file(4), failure.file());
    assertTrue(failure.getMessage().contains("renamed"), failure::getMessage);
    assertEquals(1, failure.getSuppressed().length);
  }

  @Test
  void otherFilesAreLeftAloneAndWhatACrashLeftIsNot() throws IOException {
    Path foreign = Files.createFile(path.resolve("step-1.safetensors"));
    Path note = Files.createFile(path.resolve(".note.0123456789abcdef.tmp"));
    Files.createFile(path.resolve(".step-0000000000000007.safetensors.0123456789abcdef.tmp"));
    Path file = folder.save(Samples.small(8, 3));
    assertEquals(List.of(file), folder.list());
    try (var files = Files.list(path)) {
      assertEquals(List.of(note, file, foreign), files.sorted().toList());
    }
  }

  /** The pruning is the last of it; everything before must have left all the files. */
  @Test
  void anOlderOneIsDeletedOnlyAfterTheNewOneIsSafe() throws IOException {
    for (int failing = 0; ; failing++) {
      for (long step = 1; step <= 3; step++) {
        folder.save(Samples.small(step, 3));
      }
      FaultyOperations system = new FaultyOperations(failing);
      CheckpointFolder faulty = CheckpointFolder.open(system, path, 3);
      try {
        faulty.save(Samples.small(4, 3));
        assertTrue(system.operations().size() <= failing, system.operations()::toString);
        assertEquals(files(2, 3, 4), folder.list());
        break;
      } catch (CheckpointException e) {
        boolean saved =
            system.operations().getLast().equals("delete")
                && system.operations().size() - 1 == failing;
        assertEquals(saved ? files(1, 2, 3, 4) : files(1, 2, 3), folder.list());
        assertEquals(saved ? folder.file(1) : folder.file(4), e.file());
      }
      Files.deleteIfExists(folder.file(4));
    }
  }

  @Test
  void whereNoFolderCanBeIsSaid() throws IOException {
    Path plain = Files.createFile(parent.resolve("plain"));
    assertThrows(CheckpointException.class, () -> CheckpointFolder.open(plain, 1));
    assertThrows(CheckpointException.class, () -> CheckpointFolder.open(plain.resolve("a"), 1));
    assertThrows(IllegalArgumentException.class, () -> CheckpointFolder.open(path, 0));
    Files.delete(path);
    assertThrows(CheckpointException.class, folder::list);
    assertThrows(CheckpointException.class, folder::latest);
    assertThrows(CheckpointException.class, () -> folder.save(Samples.small(1, 1)));
  }

  private List<Path> files(long... steps) {
    return LongStream.of(steps).mapToObj(folder::file).toList();
  }
}
