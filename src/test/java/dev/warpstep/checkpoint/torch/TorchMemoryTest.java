package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.File;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Files are read, or refused, by a JVM whose whole heap is four times the file and 16 MiB. */
class TorchMemoryTest {
  private static final int TENSORS = 20_000;
  private static final int MANY = 1_000_000;

  /** Pickles of many objects for few bytes. */
  enum Bomb {
    DICTS(new Pickles().repeated(MANY, Opcode.EMPTY_DICT)),
    LISTS(new Pickles().repeated(MANY, Opcode.EMPTY_LIST, Opcode.MEMOIZE)),
    NUMBERS(new Pickles().repeated(MANY, Opcode.BININT2, 1, 1)),
    TEXTS(new Pickles().repeated(MANY, Opcode.SHORT_BINUNICODE, 1, 'a')),
    CALLS(
        new Pickles()
            .global("collections", "OrderedDict")
            .raw(Opcode.MEMOIZE)
            .repeated(MANY, Opcode.BINGET, 0, Opcode.EMPTY_TUPLE, Opcode.REDUCE));

    @SuppressWarnings("ImmutableEnumChecker") // nobody writes to it
    private final byte[] pickle;

    Bomb(Pickles pickles) {
      this.pickle = pickles.stop();
    }
  }

  @TempDir private Path directory;

  /** Reads a file, in a JVM of its own, and prints what became of it. */
  public static void main(String[] args) {
    try {
      TorchState state = TorchReader.of(Path.of(args[0])).read();
      System.out.print(state.stateDict().state().size());
    } catch (CheckpointException e) {
      System.out.print("refused: " + e.getMessage());
    }
  }

  @Test
  void manySmallTensorsNeedNoMore() throws Exception {
    StateTensor tensor =
        new StateTensor(DType.FLOAT32, List.of(), MemorySegment.ofArray(new float[1]));
    List<String> names = new ArrayList<>();
    Map<String, ParameterState> state = new LinkedHashMap<>();
    for (int i = 0; i < TENSORS; i++) {
      names.add("p" + i);
      state.put(
          names.getLast(),
          new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor)));
    }
    StateDict.Group like = TorchWriterTest.sgd(new float[1]).paramGroups().getFirst();
    Path file = directory.resolve("many.pt");
    TorchWriter.save(
        file, new StateDict(List.of(new StateDict.Group(like.hyperParameters(), names)), state));
    assertEquals(String.valueOf(TENSORS), read(file));
  }

  @ParameterizedTest
  @EnumSource(Bomb.class)
  void aBombGoesOffOutsideOfIt(Bomb bomb) throws Exception {
    Path file = Pickles.write(directory.resolve("bomb.pt"), bomb.pickle);
    String said = read(file);
    assertTrue(said.startsWith("refused: "), said);
  }

  private static String read(Path file) throws Exception {
    long heap = 4 * Files.size(file) + (16L << 20);
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap / 1024 + "k",
                "-XX:+UseSerialGC",
                "--class-path",
                String.join(
                    File.pathSeparator,
                    place(TorchReader.class),
                    place(TorchMemoryTest.class),
                    place(StateDict.class)),
                TorchMemoryTest.class.getName(),
                file.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  private static String place(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
  }
}
