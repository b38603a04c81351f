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
import java.util.Arrays;
import java.util.Collections;
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
            .repeated(MANY, Opcode.BINGET, 0, Opcode.EMPTY_TUPLE, Opcode.REDUCE)),
    /** A group that is fetched again and again. */
    GROUPS(groups(MANY / 2)),
    PARAMETERS(Pickles.sgd(MANY / 4, new Pickles()));

    @SuppressWarnings("ImmutableEnumChecker") // nobody writes to it
    private final byte[] pickle;

    Bomb(Pickles pickles) {
      this.pickle = pickles.stop();
    }

    private static Pickles groups(int count) {
      Pickles pickle = new Pickles().raw(Opcode.EMPTY_DICT, Opcode.MARK).text("state");
      pickle.raw(Opcode.EMPTY_DICT).text("param_groups").raw(Opcode.EMPTY_LIST);
      pickle.raw(Opcode.EMPTY_DICT, Opcode.BINPUT, 0, Opcode.MARK);
      for (String key : TorchLayout.of(TorchOptimizer.SGD).keys()) {
        pickle.text(key).number(Long.MAX_VALUE);
      }
      for (String key : List.of("capturable", "name", "max_lr", "min_lr", "base_momentum")) {
        pickle.text(key).number(Long.MAX_VALUE);
      }
      pickle.text("params").raw(Opcode.EMPTY_LIST).text("param_names").raw(Opcode.EMPTY_LIST);
      pickle.raw(Opcode.SETITEMS, Opcode.APPEND);
      return pickle.repeated(count, Opcode.BINGET, 0, Opcode.APPEND).raw(Opcode.SETITEMS);
    }
  }

  /** What Warpstep writes larger than it is, and would not read otherwise. */
  enum Tiny {
    STATES(1, 50_000, true, 0),
    DIMENSIONS(1, 3_000, true, 64),
    PARAMETERS(1, 200_000, false, 0),
    GROUPS(20_000, 0, false, 0),
    GROUPS_OF_ONE(20_000, 1, true, 1);

    private final int groups;
    private final int parameters;
    private final boolean withState;
    private final int rank;

    Tiny(int groups, int parameters, boolean withState, int rank) {
      this.groups = groups;
      this.parameters = parameters;
      this.withState = withState;
      this.rank = rank;
    }

    StateDict stateDict() {
      StateDict.Group like = TorchWriterTest.sgd(new float[1]).paramGroups().getFirst();
      StateTensor tensor =
          new StateTensor(
              DType.FLOAT32, Collections.nCopies(rank, 1L), MemorySegment.ofArray(new float[1]));
      ParameterState momentum =
          new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor));
      List<StateDict.Group> all = new ArrayList<>();
      Map<String, ParameterState> state = new LinkedHashMap<>();
      for (int g = 0; g < groups; g++) {
        List<String> names = new ArrayList<>();
        for (int p = 0; p < parameters; p++) {
          names.add("p" + (g * parameters + p));
          if (withState) {
            state.put(names.getLast(), momentum);
          }
        }
        all.add(new StateDict.Group(like.hyperParameters(), names));
      }
      return new StateDict(all, state);
    }
  }

  @TempDir private Path directory;

  /** Reads a file, in a JVM of its own, and prints what became of it. */
  public static void main(String[] args) {
    try {
      System.out.print(shown(TorchReader.of(Path.of(args[0])).read().stateDict()));
    } catch (CheckpointException e) {
      System.out.print("refused: " + e.getMessage());
    }
  }

  private static String shown(StateDict stateDict) {
    return "%d groups, %d parameters, %d with state"
        .formatted(
            stateDict.paramGroups().size(),
            stateDict.paramGroups().stream().mapToInt(group -> group.parameters().size()).sum(),
            stateDict.state().size());
  }

  @ParameterizedTest
  @EnumSource
  void whatIsWrittenIsReadWithNoMore(Tiny tiny) throws Exception {
    StateDict stateDict = tiny.stateDict();
    Path file = directory.resolve("tiny.pt");
    TorchWriter.save(file, stateDict);
    System.out.printf("measured: %s: %,d bytes%n", tiny, Files.size(file));
    assertTrue(Files.readString(file, StandardCharsets.ISO_8859_1).contains("archive/.padding"));
    assertEquals(shown(stateDict), read(file));
  }

  @Test
  void whatIsAsLargeAsItIsIsNotPadded() throws Exception {
    Path file = directory.resolve("large.pt");
    StateDict stateDict = Tiny.STATES.stateDict();
    Map<String, ParameterState> state = new LinkedHashMap<>();
    ParameterState large = TorchWriterTest.sgd(new float[100]).state().get("p");
    stateDict.state().keySet().forEach(name -> state.put(name, large));
    TorchWriter.save(file, new StateDict(stateDict.paramGroups(), state));
    assertEquals(-1, Files.readString(file, StandardCharsets.ISO_8859_1).indexOf(".padding"));
  }

  /**
   * The least that parameters can be in a file: of one element, with names of few letters. {@code
   * -Dwarpstep.test.parameters=100000} has more of them.
   */
  @Test
  void parametersOfAdamAreReadAsPyTorchWritesThemHoweverManyAndSmall() throws Exception {
    int parameters = Integer.getInteger("warpstep.test.parameters", 40_000);
    byte[] zero = new byte[Float.BYTES];
    byte[] one = {0, 0, (byte) 0x80, 0x3F};
    byte[][] storages = new byte[3 * parameters][];
    Arrays.setAll(storages, i -> i % 3 == 0 ? one : zero); // the step comes first
    Path file = CompactAdam.pickle(parameters).write(directory.resolve("adam.pt"), storages);
    assertEquals(
        "1 groups, %d parameters, %d with state".formatted(parameters, parameters), read(file));
  }

  @ParameterizedTest
  @EnumSource
  void aBombGoesOffOutsideOfIt(Bomb bomb) throws Exception {
    Path file = Pickles.write(directory.resolve("bomb.pt"), bomb.pickle);
    String said = read(file);
    assertTrue(said.startsWith("refused: "), said);
    assertTrue(said.contains("describes more than fits in the memory"), said);
  }

  @Test
  void whereThereIsNotEvenSoMuchIsSaid() throws Exception {
    Path file = directory.resolve("large.pt");
    TorchWriter.save(file, TorchWriterTest.sgd(new float[1 << 20]));
    String said = read(file, "-XX:MaxDirectMemorySize=1m");
    assertTrue(said.startsWith("refused: " + file + ": there is not enough memory: "), said);
  }

  private static String read(Path file, String... options) throws Exception {
    long heap = 4 * Files.size(file) + (16L << 20);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx" + heap / 1024 + "k", "-XX:+UseSerialGC"));
    command.addAll(List.of(options));
    command.add("--class-path");
    command.add(
        String.join(
            File.pathSeparator,
            place(TorchReader.class),
            place(TorchMemoryTest.class),
            place(StateDict.class)));
    command.addAll(List.of(TorchMemoryTest.class.getName(), file.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    return output;
  }

  private static String place(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
  }
}
