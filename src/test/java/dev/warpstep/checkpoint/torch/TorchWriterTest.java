package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.HyperParameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.StochasticRounding;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TorchWriterTest {
  @TempDir private Path directory;

  static Stream<TorchFiles.Expected> files() {
    return TorchFiles.all().stream();
  }

  @ParameterizedTest
  @MethodSource("files")
  void readsItsOwnFiles(TorchFiles.Expected expected) throws Exception {
    TorchState original = expected.reader().read();
    Path copy = directory.resolve("copy.pt");
    TorchWriter.save(copy, original.stateDict());
    TorchState read = TorchReader.of(copy).read();
    TorchReaderTest.compare(
        expected,
        new TorchState(
            read.optimizer(), read.stateDict(), original.initialLrs(), original.dropped()));
  }

  @Test
  void anotherZipReaderFindsAlignedDataAndTheRightChecksums() throws Exception {
    Path file = save(sgd(new float[] {1, 2, 3}));
    try (ZipFile zip = new ZipFile(file.toFile())) {
      int entries = 0;
      for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); entries++) {
        ZipEntry entry = all.nextElement();
        CRC32 crc = new CRC32();
        crc.update(zip.getInputStream(entry).readAllBytes());
        assertEquals(entry.getCrc(), crc.getValue(), entry.getName());
        assertEquals(ZipEntry.STORED, entry.getMethod());
      }
      assertEquals(6, entries);
    }
    byte[] bytes = Files.readAllBytes(file);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    assertEquals(64, text.indexOf("\u0080\u0002"));
    assertEquals(0, text.indexOf("\0\0\u0080?\0\0\0@\0\0@@") % 64);
  }

  @Test
  void aStepThatFp32CannotHoldIsExactToo() throws Exception {
    for (long step : new long[] {1, 1L << 24, (1L << 24) + 1, (1L << 53) - 1, 1L << 53}) {
      StateDict stateDict =
          adam(
              Map.of(),
              new ParameterState(
                  OptionalLong.of(step),
                  Map.of("exp_avg", tensor(1, 2), "exp_avg_sq", tensor(3, 4))));
      StateDict read = TorchReader.of(save(stateDict)).read().stateDict();
      assertEquals(OptionalLong.of(step), read.state().get("p").step());
    }
  }

  @Test
  void stateThatASettingAddedLastIsWrittenAsTheZerosItBeginsAt() throws Exception {
    StateDict stateDict =
        adam(
            Map.of(HyperParameter.AMSGRAD, 1.0),
            new ParameterState(
                OptionalLong.of(2), Map.of("exp_avg", tensor(1, 2), "exp_avg_sq", tensor(3, 4))));
    StateDict read = TorchReader.of(save(stateDict)).read().stateDict();
    assertArrayEquals(new float[] {0, 0}, read.state().get("p").tensor("max_exp_avg_sq").toArray());
  }

  @Test
  void aMomentumThatHasNotBegunIsAbsentAsInPyTorch() throws Exception {
    StateDict stateDict =
        new StateDict(
            sgd(new float[] {1}).paramGroups(),
            Map.of("p", new ParameterState(OptionalLong.empty(), Map.of())));
    assertEquals(Map.of(), TorchReader.of(save(stateDict)).read().stateDict().state());
  }

  @Test
  void stochasticRoundingGoesOn() throws Exception {
    StateDict plain = sgd(new float[] {1});
    Optional<StochasticRounding> rounding =
        Optional.of(new StochasticRounding(Long.MIN_VALUE + 7, 1L << 40));
    StateDict stateDict = new StateDict(plain.paramGroups(), plain.state(), rounding);
    assertEquals(rounding, TorchReader.of(save(stateDict)).read().stateDict().rounding());
  }

  @Test
  void namesMayBeOfAnyScript() throws Exception {
    StateDict stateDict =
        new StateDict(
            List.of(
                new StateDict.Group(
                    sgd(new float[0]).paramGroups().getFirst().hyperParameters(),
                    List.of("слой.вес", "層", "🙂", ""))),
            Map.of());
    assertEquals(
        stateDict.paramGroups(), TorchReader.of(save(stateDict)).read().stateDict().paramGroups());
  }

  @Test
  void aNameThatIsNoUnicodeIsRefused() {
    StateDict stateDict =
        new StateDict(
            List.of(
                new StateDict.Group(
                    sgd(new float[0]).paramGroups().getFirst().hyperParameters(),
                    List.of("half a pair \uD800"))),
            Map.of());
    Path file = directory.resolve("name.pt");
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> TorchWriter.save(file, stateDict));
    assertTrue(e.getMessage().contains("name.pt"), e::getMessage);
    assertTrue(Files.notExists(file));
  }

  @Test
  void settingsOfNoOptimizerAndForeignStateAreRefused() {
    StateDict.Group group = new StateDict.Group(Map.of(HyperParameter.LR, 0.1), List.of("p"));
    assertRefused(new StateDict(List.of(group), Map.of()), "param group 0");
    assertRefused(new StateDict(List.of(), Map.of()), "must have a param group");
    StateDict sgd = sgd(new float[] {1});
    assertRefused(new StateDict(sgd.paramGroups(), Map.of("q", sgd.state().get("p"))), "state");
    assertRefused(
        new StateDict(
            sgd.paramGroups(),
            Map.of("p", new ParameterState(OptionalLong.of(1), sgd.state().get("p").tensors()))),
        "state of p");
    assertRefused(
        new StateDict(
            sgd.paramGroups(),
            Map.of("p", new ParameterState(OptionalLong.empty(), Map.of("m", tensor(1))))),
        "[m]");
  }

  @Test
  void aChannelGetsTheSameBytes() throws Exception {
    StateDict stateDict = sgd(new float[] {1, 2, 3});
    Path file = save(stateDict);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    TorchWriter.write(file, stateDict, Channels.newChannel(out));
    assertArrayEquals(Files.readAllBytes(file), out.toByteArray());
  }

  @Test
  void stepsThatADoubleDoesNotHoldAreRefused() {
    Map<String, StateTensor> tensors = Map.of("exp_avg", tensor(1, 2), "exp_avg_sq", tensor(3, 4));
    StateDict sgd = sgd(new float[] {1});
    for (long steps : new long[] {(1L << 53) + 1, 1L << 60, Long.MAX_VALUE}) {
      assertRefused(
          adam(Map.of(), new ParameterState(OptionalLong.of(steps), tensors)),
          "state of p: must have at most 2^53 steps, had " + steps);
      Optional<StochasticRounding> rounding = Optional.of(new StochasticRounding(1, steps));
      assertRefused(
          new StateDict(sgd.paramGroups(), sgd.state(), rounding),
          "stochastic_rounding: must have at most 2^53 steps, had " + steps);
    }
  }

  @Test
  void stateBeforeTheFirstStepMustBeZero() throws Exception {
    Map<String, StateTensor> zeros = Map.of("exp_avg", tensor(0, 0), "exp_avg_sq", tensor(0, 0));
    StateDict stateDict = adam(Map.of(), new ParameterState(OptionalLong.of(0), zeros));
    assertEquals(Map.of(), TorchReader.of(save(stateDict)).read().stateDict().state());
    Map<String, StateTensor> others = Map.of("exp_avg", tensor(0, 1), "exp_avg_sq", tensor(0, 0));
    assertRefused(
        adam(Map.of(), new ParameterState(OptionalLong.of(0), others)), "before the first step");
    Map<String, StateTensor> master = Map.of("master_param", tensor(0, 0));
    assertRefused(
        adam(Map.of(), new ParameterState(OptionalLong.of(0), master)), "before the first step");
    assertRefused(
        adam(Map.of(), new ParameterState(OptionalLong.empty(), master)), "state of p: is not");
  }

  @Test
  void aNameMayHaveAMebibyteAndNotMore() throws Exception {
    for (String character : List.of("a", "ж", "🙂")) {
      int bytes = character.getBytes(StandardCharsets.UTF_8).length;
      StateDict longest = named(List.of(character.repeat((1 << 20) / bytes)));
      assertEquals(
          longest.paramGroups(), TorchReader.of(save(longest)).read().stateDict().paramGroups());
      assertRefused(
          named(List.of("p", character.repeat((1 << 20) / bytes + 1))),
          "param group 0: has a name of %d bytes".formatted((1 << 20) + bytes));
    }
  }

  @Test
  void aNameThatIsThereTwiceIsRefused() {
    assertRefused(named(List.of("p", "q", "p")), "has parameter p, which is there already");
  }

  @Test
  void sixtyFourDimensionsAreTheMost() throws Exception {
    for (int rank : new int[] {64, 65}) {
      StateTensor tensor =
          new StateTensor(
              DType.FLOAT32, Collections.nCopies(rank, 1L), MemorySegment.ofArray(new float[1]));
      StateDict stateDict =
          new StateDict(
              sgd(new float[1]).paramGroups(),
              Map.of(
                  "p",
                  new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor))));
      if (rank > 64) {
        assertRefused(stateDict, "momentum_buffer with 65 dimensions, more than 64");
      } else {
        StateDict read = TorchReader.of(save(stateDict)).read().stateDict();
        assertEquals(tensor.shape(), read.state().get("p").tensor("momentum_buffer").shape());
      }
    }
  }

  @Test
  void aChannelThatTakesNothingIsSaid() {
    WritableByteChannel stuck =
        new WritableByteChannel() {
          @Override
          public int write(ByteBuffer source) {
            return 0;
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };
    IOException e =
        assertThrows(
            IOException.class,
            () -> TorchWriter.write(directory.resolve("x"), sgd(new float[1]), stuck));
    assertTrue(e.getMessage().contains("takes no bytes"), e::getMessage);
  }

  @Test
  void memoryThatWasFreedOrIsAnotherThreadsLeavesTheOldFile() throws Exception {
    Path file = save(sgd(new float[] {1, 2}));
    byte[] old = Files.readAllBytes(file);
    StateDict freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = inArena(arena);
    }
    assertThrows(IllegalStateException.class, () -> save(freed));
    try (Arena arena = Arena.ofConfined()) {
      StateDict confined = inArena(arena);
      ExecutionException e;
      try (ExecutorService other = Executors.newSingleThreadExecutor()) {
        e = assertThrows(ExecutionException.class, () -> other.submit(() -> save(confined)).get());
      }
      assertEquals(WrongThreadException.class, e.getCause().getClass());
    }
    assertArrayEquals(old, Files.readAllBytes(file));
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(file), files.toList());
    }
  }

  private static StateDict inArena(Arena arena) {
    StateTensor tensor = new StateTensor(DType.FLOAT32, List.of(2L), arena.allocate(8, 8));
    return new StateDict(
        sgd(new float[1]).paramGroups(),
        Map.of("p", new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor))));
  }

  @Test
  void aDirectoryIsSaid() {
    CheckpointException e =
        assertThrows(
            CheckpointException.class, () -> TorchWriter.save(directory, sgd(new float[1])));
    assertEquals(directory + ": is a directory", e.getMessage());
  }

  private static StateDict named(List<String> names) {
    StateDict.Group like = sgd(new float[0]).paramGroups().getFirst();
    return new StateDict(List.of(new StateDict.Group(like.hyperParameters(), names)), Map.of());
  }

  private void assertRefused(StateDict stateDict, String message) {
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () -> TorchWriter.save(directory.resolve("refused.pt"), stateDict));
    assertTrue(e.getMessage().contains(message), e::getMessage);
  }

  private Path save(StateDict stateDict) throws CheckpointException {
    Path file = directory.resolve("saved.pt");
    TorchWriter.save(file, stateDict);
    return file;
  }

  static StateDict sgd(float[] buffer) {
    Map<HyperParameter, Double> settings = new EnumMap<>(HyperParameter.class);
    for (HyperParameter setting : TorchLayout.of(TorchOptimizer.SGD).settings()) {
      settings.put(setting, TorchLayout.isSwitch(setting) ? 0 : 0.5);
    }
    return new StateDict(
        List.of(new StateDict.Group(settings, List.of("p"))),
        Map.of(
            "p",
            new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor(buffer)))));
  }

  private static StateDict adam(Map<HyperParameter, Double> changed, ParameterState state) {
    Map<HyperParameter, Double> settings = new EnumMap<>(HyperParameter.class);
    TorchLayout.of(TorchOptimizer.ADAM).settings().forEach(setting -> settings.put(setting, 0.0));
    settings.putAll(changed);
    return new StateDict(List.of(new StateDict.Group(settings, List.of("p"))), Map.of("p", state));
  }

  private static StateTensor tensor(float... values) {
    return new StateTensor(
        DType.FLOAT32, List.of((long) values.length), MemorySegment.ofArray(values));
  }
}
