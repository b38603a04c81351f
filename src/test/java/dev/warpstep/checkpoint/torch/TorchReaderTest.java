package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.Adam;
import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.SGD;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.Checkpoint;
import dev.warpstep.checkpoint.CheckpointException;
import dev.warpstep.checkpoint.CheckpointFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TorchReaderTest {
  @TempDir private Path directory;

  static Stream<TorchFiles.Expected> files() {
    return TorchFiles.all().stream();
  }

  @ParameterizedTest
  @MethodSource("files")
  void readsWhatPyTorchWrote(TorchFiles.Expected expected) throws Exception {
    compare(expected, expected.reader().read());
  }

  static void compare(TorchFiles.Expected expected, TorchState actual) {
    StateDict stateDict = actual.stateDict();
    assertEquals(expected.optimizer, actual.optimizer());
    assertEquals(
        expected.groups,
        stateDict.paramGroups().stream().map(StateDict.Group::hyperParameters).toList());
    assertEquals(
        expected.names, stateDict.paramGroups().stream().map(StateDict.Group::parameters).toList());
    assertEquals(expected.initialLrs, actual.initialLrs());
    assertEquals(
        expected.dropped,
        actual.dropped().stream().map(dropped -> dropped.group() + " " + dropped.name()).toList());
    Set<String> names = new HashSet<>(expected.tensors.keySet());
    names.addAll(expected.steps.keySet());
    assertEquals(names, stateDict.state().keySet());
    expected.tensors.forEach(
        (name, tensors) -> {
          ParameterState state = stateDict.state().get(name);
          Long step = expected.steps.get(name);
          assertEquals(step == null ? OptionalLong.empty() : OptionalLong.of(step), state.step());
          assertEquals(tensors.keySet(), state.tensors().keySet());
          tensors.forEach(
              (key, tensor) -> {
                assertEquals(tensor.dtype(), state.tensor(key).dtype(), key);
                assertEquals(tensor.shape(), state.tensor(key).shape(), key);
                assertEquals(tensor.values(), values(state.tensor(key)), key);
              });
        });
  }

  @Test
  void settingsWithoutEffectAreReportedWithTheirValues() throws Exception {
    TorchState state = TorchFiles.named("adam_fused").reader().read();
    assertTrue(state.dropped().contains(new DroppedSetting(0, "fused", "True")), state::toString);
    assertTrue(state.dropped().contains(new DroppedSetting(0, "foreach", "None")));
  }

  @Test
  void anOptimizerGoesOnFromAFileWithoutNames() throws Exception {
    TorchFiles.Expected expected = TorchFiles.named("old_adam_linear");
    try (Device device = Device.cpu(1);
        Adam adam =
            Adam.builder()
                .build(
                    device,
                    List.of(
                        Parameter.of("weight", new float[6], 2, 3),
                        Parameter.of("bias", new float[2])))) {
      adam.loadStateDict(TorchReader.of(expected.path()).optimizer(adam).read().stateDict());
      ParameterState weight = adam.stateDict().state().get("weight");
      assertEquals(
          expected.tensors.get("weight").get("exp_avg_sq").values(),
          values(weight.tensor("exp_avg_sq")));
      assertEquals(OptionalLong.of(3), weight.step());
    }
  }

  @Test
  void namesOfTheFileGoBeforeThoseGivenUnlessPositionsAreAskedFor() throws Exception {
    TorchFiles.Expected expected = TorchFiles.named("adam");
    List<List<String>> others = List.of(List.of("a", "b", "c", "d"));
    TorchReader reader = TorchReader.of(expected.path()).names(others);
    assertEquals(
        expected.names.getFirst(), reader.read().stateDict().paramGroups().getFirst().parameters());
    StateDict byPosition = reader.byPosition(true).read().stateDict();
    assertEquals(others.getFirst(), byPosition.paramGroups().getFirst().parameters());
    assertEquals(Set.of("a", "b", "c", "d"), byPosition.state().keySet());
  }

  @Test
  void namesAreNeededWhereTheFileHasNone() {
    Path file = TorchFiles.named("old_sgd").path();
    assertRefused(TorchReader.of(file), "no param_names");
    assertRefused(TorchReader.of(file).names(List.of(List.of("a"))), "1 parameters", "has 4");
    assertRefused(
        TorchReader.of(file).names(List.of(List.of("a", "b", "c", "c"))), "parameter c", "already");
    assertRefused(
        TorchReader.of(file).names(List.of(List.of("a"), List.of("b"))), "must be 2", "are 1");
  }

  @Test
  void anOldFileDoesNotSayWhetherItIsOfAdamOrAdamW() {
    TorchFiles.Expected expected = TorchFiles.named("old_adamw");
    assertRefused(
        TorchReader.of(expected.path()).names(expected.names), "decoupled_weight_decay", "Adam");
  }

  @Test
  void refusesAnotherOptimizer() {
    assertRefused(
        TorchFiles.named("sgd_momentum").reader().optimizer(TorchOptimizer.RMSPROP),
        "of RMSPROP",
        "dampening");
  }

  @Test
  void namesTheKeysWhenTheStateDictIsElsewhere() {
    Path file = TorchFiles.named("training").path();
    assertRefused(TorchReader.of(file), "[model, optimizer, scheduler, epoch]");
    assertRefused(TorchReader.of(file).key("optim"), "has no optim", "optimizer");
    assertRefused(TorchReader.of(file).key("model"), "no state and param_groups at [model]");
    assertRefused(TorchReader.of(file).key("epoch", "optimizer"), "has no optimizer");
  }

  @Test
  void refusesWhatIsNoFile() throws Exception {
    assertRefused(TorchReader.of(directory), directory + ": is a directory");
    assertRefused(
        TorchReader.of(directory.resolve("none.pt")), "none.pt: cannot read: ", "NoSuchFile");
    assertRefused(TorchReader.of(Path.of("/dev/null")), "is no regular file");
  }

  @Test
  void saysWhatMayNotBeRead() throws Exception {
    Path folder = Files.createDirectory(directory.resolve("folder"));
    Path file = Files.copy(TorchFiles.named("adam").path(), folder.resolve("adam.pt"));
    Files.setPosixFilePermissions(file, Set.of());
    Assumptions.assumeFalse(Files.isReadable(file), "root may read everything");
    assertRefused(TorchReader.of(file), file + ": cannot read: ", "AccessDenied");
    Files.setPosixFilePermissions(folder, Set.of());
    try {
      assertRefused(TorchReader.of(file), file + ": cannot read: ", "AccessDenied");
    } finally {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void refusesASafetensorsFile() throws Exception {
    Path file = directory.resolve("other.safetensors");
    StateDict stateDict = TorchWriterTest.sgd(new float[] {1, 2, 3});
    CheckpointFile.save(file, Checkpoint.builder(1, stateDict).build());
    assertRefused(TorchReader.of(file), file + ": is no zip file");
  }

  @Test
  void stateWhoseShapesWereSwappedIsRefusedByName() throws Exception {
    Path file = directory.resolve("shapes.pt");
    StateDict.Group like = TorchWriterTest.sgd(new float[1]).paramGroups().getFirst();
    TorchWriter.save(
        file,
        new StateDict(
            List.of(new StateDict.Group(like.hyperParameters(), List.of("p0", "p1"))),
            Map.of("p0", momentum(2, 3), "p1", momentum(3, 2))));
    StateDict read = TorchReader.of(file).read().stateDict();
    try (Device device = Device.cpu(1)) {
      load(device, read, new long[] {2, 3}, new long[] {3, 2});
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> load(device, read, new long[] {3, 2}, new long[] {2, 3}));
      assertTrue(e.getMessage().contains("p0"), e::getMessage);
    }
  }

  private static ParameterState momentum(long... shape) {
    StateTensor tensor =
        new StateTensor(
            DType.FLOAT32,
            Arrays.stream(shape).boxed().toList(),
            MemorySegment.ofArray(new float[6]));
    return new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor));
  }

  private static void load(Device device, StateDict stateDict, long[] first, long[] second) {
    List<Parameter> parameters =
        List.of(Parameter.of("p0", new float[6], first), Parameter.of("p1", new float[6], second));
    try (SGD sgd = SGD.builder().build(device, parameters)) {
      sgd.loadStateDict(stateDict);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "PK", "not a zip file, but long enough to have an end of one"})
  void refusesForeignFiles(String content) throws Exception {
    Path file = Files.writeString(directory.resolve("foreign.pt"), content);
    assertRefused(TorchReader.of(file), "is no zip file");
  }

  @Test
  void namesTheFormatOfOldPyTorch() throws Exception {
    byte[] pickle = new byte[100];
    pickle[0] = (byte) 0x80;
    pickle[1] = 2;
    Path file = Files.write(directory.resolve("old.pt"), pickle);
    assertRefused(TorchReader.of(file), "before PyTorch 1.6");
  }

  private static List<Double> values(StateTensor tensor) {
    return Arrays.stream(tensor.toDoubleArray()).boxed().toList();
  }

  private static void assertRefused(TorchReader reader, String... messages) {
    CheckpointException e = assertThrows(CheckpointException.class, reader::read);
    for (String message : messages) {
      assertTrue(e.getMessage().contains(message), e::getMessage);
    }
  }
}
