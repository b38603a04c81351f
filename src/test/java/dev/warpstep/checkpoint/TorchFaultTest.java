package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.HyperParameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.torch.TorchReader;
import dev.warpstep.checkpoint.torch.TorchWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Saves of PyTorch's files, on a file system of which one operation after another fails. */
class TorchFaultTest {
  private static final String BUFFER = "momentum_buffer";

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anyOperationThatFailsLeavesTheOldFileAndNoTemporary(boolean old) throws IOException {
    Path file = folder.resolve("a.pt");
    Set<String> failed = new TreeSet<>();
    for (int failing = 0; ; failing++) {
      Files.deleteIfExists(file);
      if (old) {
        TorchWriter.save(file, sgd(1, 2));
      }
      FaultyOperations system = new FaultyOperations(failing);
      Optional<CheckpointException> failure = failure(system, file);
      if (system.operations().size() <= failing) {
        assertTrue(failure.isEmpty());
        assertArrayEquals(new float[] {3, 4, 5}, buffer(file));
        break;
      }
      String operation = system.operations().get(failing);
      String where = "%s at %d".formatted(operation, failing);
      failed.add(operation);
      assertEquals(old || failure.isEmpty() ? List.of(file) : List.of(), files(), where);
      if (operation.equals("link")) {
        // As where there are no hard links: the save goes on without.
        assertTrue(failure.isEmpty());
        assertArrayEquals(new float[] {3, 4, 5}, buffer(file));
        continue;
      }
      CheckpointException exception = failure.orElseThrow();
      assertEquals(file, exception.file(), where);
      assertTrue(exception.getMessage().startsWith(file + ": "), exception::getMessage);
      assertEquals("no space left for " + operation, exception.getCause().getMessage());
      if (old) {
        assertArrayEquals(new float[] {1, 2}, buffer(file));
      }
    }
    Set<String> all = new TreeSet<>(List.of("close", "create", "force", "forceFolder", "rename"));
    all.add("write");
    if (old) {
      all.addAll(List.of("delete", "link"));
    }
    assertEquals(all, failed);
  }

  private static Optional<CheckpointException> failure(FileOperations system, Path file) {
    try {
      AtomicFile.write(system, file, channel -> TorchWriter.write(file, sgd(3, 4, 5), channel));
      return Optional.empty();
    } catch (CheckpointException e) {
      return Optional.of(e);
    }
  }

  private static StateDict sgd(float... buffer) {
    StateTensor tensor =
        new StateTensor(
            DType.FLOAT32, List.of((long) buffer.length), MemorySegment.ofArray(buffer));
    Map<HyperParameter, Double> settings =
        Map.of(
            HyperParameter.LR, 0.1,
            HyperParameter.MOMENTUM, 0.9,
            HyperParameter.DAMPENING, 0.0,
            HyperParameter.WEIGHT_DECAY, 0.0,
            HyperParameter.NESTEROV, 0.0,
            HyperParameter.MAXIMIZE, 0.0);
    return new StateDict(
        List.of(new StateDict.Group(settings, List.of("p"))),
        Map.of("p", new ParameterState(OptionalLong.empty(), Map.of(BUFFER, tensor))));
  }

  private static float[] buffer(Path file) throws IOException {
    return TorchReader.of(file).read().stateDict().state().get("p").tensor(BUFFER).toArray();
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}
