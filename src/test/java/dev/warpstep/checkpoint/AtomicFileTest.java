package dev.warpstep.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AtomicFileTest {
  @TempDir private Path folder;

  @Test
  void replacesAFileAndLeavesNothingElse() throws IOException {
    Path file = folder.resolve("a");
    AtomicFile.write(file, text("old"));
    AtomicFile.write(file, text("new"));
    assertEquals("new", Files.readString(file));
    assertEquals(List.of(file), files());
  }

  /** One after another, until none is left to fail. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anyOperationThatFailsLeavesTheOldFileAndNoTemporary(boolean old) throws IOException {
    Path file = folder.resolve("a");
    Checkpoint before = Samples.small(1, 3);
    Checkpoint after = Samples.small(2, 3);
    Set<String> failed = new TreeSet<>();
    for (int failing = 0; ; failing++) {
      Files.deleteIfExists(file);
      if (old) {
        CheckpointFile.save(file, before);
      }
      FaultyOperations system = new FaultyOperations(failing);
      Optional<CheckpointException> failure = failure(system, file, after);
      if (system.operations().size() <= failing) {
        assertTrue(failure.isEmpty());
        break;
      }
      String operation = system.operations().get(failing);
      String where = "%s at %d".formatted(operation, failing);
      failed.add(operation);
      assertEquals(old || failure.isEmpty() ? List.of(file) : List.of(), files(), where);
      if (operation.equals("link")) {
        // As where there are no hard links: the save goes on without.
        assertTrue(failure.isEmpty());
        Samples.assertSame(after, CheckpointFile.load(file));
        continue;
      }
      CheckpointException exception = failure.orElseThrow();
      assertEquals(file, exception.file(), where);
      assertTrue(exception.getMessage().startsWith(file + ": "), exception::getMessage);
      assertEquals("no space left for " + operation, exception.getCause().getMessage());
      if (old) {
        Samples.assertSame(before, CheckpointFile.load(file));
      }
    }
    Set<String> all = new TreeSet<>(List.of("close", "create", "force", "forceFolder", "rename"));
    all.addAll(List.of("position", "write"));
    if (old) {
      all.addAll(List.of("delete", "link"));
    }
    assertEquals(all, failed);
  }

  private static Optional<CheckpointException> failure(
      FileOperations system, Path file, Checkpoint checkpoint) {
    try {
      CheckpointWriter.write(system, file, checkpoint);
      return Optional.empty();
    } catch (CheckpointException e) {
      return Optional.of(e);
    }
  }

  @Test
  void contentThatThrowsLeavesTheOldFile() throws IOException {
    Path file = folder.resolve("a");
    AtomicFile.write(file, text("old"));
    CheckpointException own = new CheckpointException(file, "entry", "reason");
    for (Throwable thrown :
        List.of(own, new IOException("no"), new IllegalStateException("no"), new Error("no"))) {
      Throwable seen =
          assertThrows(
              Throwable.class,
              () ->
                  AtomicFile.write(
                      file,
                      channel -> {
                        channel.write(ByteBuffer.allocate(10));
                        switch (thrown) {
                          case IOException e -> throw e;
                          case RuntimeException e -> throw e;
                          default -> throw (Error) thrown;
                        }
                      }));
      assertTrue(seen == thrown || seen.getCause() == thrown, seen::toString);
      assertEquals("old", Files.readString(file));
      assertEquals(List.of(file), files());
    }
  }

  @Test
  void whatDeadProcessesLeftIsRemovedAndWhatLivesIsNot() throws Exception {
    Path file = folder.resolve("a.b");
    Path stale = Files.createFile(folder.resolve(".a.b.0123456789abcdef.tmp"));
    Path staleOld = Files.createFile(folder.resolve(".a.b.0123456789abcdef.old"));
    Set<Path> foreign =
        Set.of(
            Files.createFile(folder.resolve(".a.0123456789abcdef.tmp")),
            Files.createFile(folder.resolve(".a.b.tmp")),
            Files.createFile(folder.resolve("a.b.0123456789abcdef.tmp")));
    CountDownLatch writing = new CountDownLatch(1);
    CountDownLatch written = new CountDownLatch(1);
    Thread slow =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    AtomicFile.write(
                        file,
                        channel -> {
                          channel.write(UTF_8.encode("slow"));
                          writing.countDown();
                          try {
                            written.await();
                          } catch (InterruptedException e) {
                            throw new IOException(e);
                          }
                        });
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });
    writing.await();
    AtomicFile.write(file, text("fast"));
    assertEquals("fast", Files.readString(file));
    assertFalse(Files.exists(stale));
    assertFalse(Files.exists(staleOld));
    written.countDown();
    slow.join();
    assertEquals("slow", Files.readString(file));
    TreeSet<Path> expected = new TreeSet<>(foreign);
    expected.add(file);
    assertEquals(List.copyOf(expected), files());
  }

  @Test
  void whereNothingCanBeWrittenIsSaid() throws IOException {
    Path plain = Files.createFile(folder.resolve("plain"));
    Path inner = Files.createDirectory(folder.resolve("inner"));
    for (Path file :
        List.of(
            inner,
            Path.of("/"),
            plain.resolve("a"),
            folder.resolve("absent").resolve("a"),
            Path.of("/proc/warpstep"),
            folder.resolve("n".repeat(255)))) {
      CheckpointException failure =
          assertThrows(CheckpointException.class, () -> AtomicFile.write(file, text("x")));
      assertEquals(file, failure.file());
      assertTrue(failure.getMessage().startsWith(file + ": "), failure::getMessage);
    }
    assertEquals(List.of(inner, plain), files());
  }

  private static AtomicFile.Content text(String text) {
    return channel -> Bytes.write(channel, UTF_8.encode(text));
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}
