package dev.warpstep.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process saves in a loop until it is killed, at a random moment; then another goes on. Half of
 * them replace one file, half of them save into a {@link CheckpointFolder}.
 *
 * <p>Few kills of small files, or {@code mvn test -Dtest=KillTest -Dwarpstep.kills=1000
 * -Dwarpstep.kill.bytes=100000000}.
 */
class KillTest {
  private static final int KILLS = Integer.getInteger("warpstep.kills", 8);
  private static final int BYTES = Integer.getInteger("warpstep.kill.bytes", 1_000_000);
  private static final String FILE = "one.safetensors";
  private static final int KEEP = 2;

  @TempDir private Path folder;

  /** Saves until it is killed. */
  static final class Saver {
    private Saver() {}

    public static void main(String[] arguments) throws IOException {
      Path folder = Path.of(arguments[0]);
      boolean replaces = Boolean.parseBoolean(arguments[1]);
      MemorySegment values = Arena.global().allocate(Integer.parseInt(arguments[2]));
      for (long step = Long.parseLong(arguments[3]); ; step++) {
        values.fill((byte) step);
        save(folder, replaces, checkpoint(step, values));
        System.out.println(step);
      }
    }
  }

  private static Checkpoint checkpoint(long step, MemorySegment values) {
    StateTensor tensor = new StateTensor(DType.BFLOAT16, List.of(values.byteSize() / 2), values);
    return Checkpoint.builder(step, new StateDict(List.of(), Map.of()))
        .parameter("p", tensor)
        .build();
  }

  private static void save(Path folder, boolean replaces, Checkpoint checkpoint)
      throws IOException {
    if (replaces) {
      CheckpointFile.save(folder.resolve(FILE), checkpoint);
    } else {
      CheckpointFolder.open(folder, KEEP).save(checkpoint);
    }
  }

  /** The step that a next process goes on from; what is loaded is as it was saved. */
  private static long loaded(Path folder, boolean replaces, Arena arena) throws IOException {
    Checkpoint checkpoint;
    if (!replaces) {
      CheckpointFolder checkpoints = CheckpointFolder.open(folder, KEEP);
      if (checkpoints.list().isEmpty()) {
        return 0;
      }
      checkpoint = CheckpointFile.map(checkpoints.list().getLast(), arena);
    } else if (Files.exists(folder.resolve(FILE))) {
      checkpoint = CheckpointFile.map(folder.resolve(FILE), arena);
    } else {
      return 0;
    }
    MemorySegment values = checkpoint.parameters().get("p").values();
    MemorySegment expected = arena.allocate(values.byteSize()).fill((byte) checkpoint.step());
    assertEquals(-1, expected.mismatch(values));
    return checkpoint.step();
  }

  @Test
  void aFinishedSaveIsNeverLost() throws Exception {
    Random random = new Random(11);
    long[] last = new long[2];
    int saves = 0;
    int interrupted = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      boolean replaces = kill % 2 == 0;
      Path own = Files.createDirectories(folder.resolve(Boolean.toString(replaces)));
      long begin = last[kill % 2] + 1;
      long finished = saveUntilKilled(own, replaces, begin, random);
      saves += (int) (finished - begin + 1);
      List<Path> temporaries = temporaries(own);
      interrupted += temporaries.isEmpty() ? 0 : 1;
      // Its own, of the save that was interrupted: those of processes before are removed.
      if (finished >= begin) {
        assertTrue(temporaries.size() <= 2, temporaries::toString);
      }
      try (Arena arena = Arena.ofConfined()) {
        last[kill % 2] = loaded(own, replaces, arena);
      }
      assertTrue(
          last[kill % 2] == finished || last[kill % 2] == finished + 1,
          "finished %d, loaded %d".formatted(finished, last[kill % 2]));
    }
    System.out.printf(
        "measured: %,d kills, of which %,d left a temporary file; %,d saves of %,d bytes; 0 lost%n",
        KILLS, interrupted, saves, BYTES);
    for (boolean replaces : new boolean[] {true, false}) {
      Path own = folder.resolve(Boolean.toString(replaces));
      MemorySegment values = Arena.ofAuto().allocate(2);
      save(own, replaces, checkpoint(last[replaces ? 0 : 1] + 1, values));
      assertEquals(List.of(), temporaries(own));
    }
  }

  /** Returns the last step that was saved. */
  private static long saveUntilKilled(Path folder, boolean replaces, long begin, Random random)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    String module = Saver.class.getModule().getName();
    String main = Saver.class.getName();
    command.addAll(module == null ? List.of(main) : List.of("-m", module + "/" + main));
    command.addAll(List.of(folder.toString(), replaces + "", BYTES + "", begin + ""));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    long finished = begin - 1;
    try (BufferedReader output = process.inputReader(UTF_8)) {
      // Once it runs, within about the time of two saves.
      String line = output.readLine();
      Thread.sleep(random.nextInt(BYTES / 250_000 + 60));
      // Not of the process itself, which would close the stream that is read here.
      process.toHandle().destroyForcibly();
      assertTrue(line != null, "the saver did not start");
      for (; line != null; line = output.readLine()) {
        finished = Long.parseLong(line);
      }
    }
    process.waitFor();
    return finished;
  }

  private static List<Path> temporaries(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.getFileName().toString().startsWith(".")).toList();
    }
  }
}
