package dev.warpstep.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.HyperParameter;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.lr.SchedulerState;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFileTest {
  @TempDir private Path folder;

  @Test
  void whatIsSavedIsLoadedBitForBit() throws IOException {
    Path file = folder.resolve("a");
    for (int seed = 1; seed <= 10; seed++) {
      Checkpoint checkpoint = Samples.everything(seed, seed);
      CheckpointFile.save(file, checkpoint);
      Samples.assertSame(checkpoint, CheckpointFile.load(file));
      try (Arena arena = Arena.ofConfined()) {
        Samples.assertSame(checkpoint, CheckpointFile.load(file, arena));
        Checkpoint mapped = CheckpointFile.map(file, arena);
        Samples.assertSame(checkpoint, mapped);
        assertTrue(mapped.parameters().get("weight").values().isReadOnly());
      }
    }
    assertEquals(List.of(file), files());
  }

  /** The format, to the byte: whoever changes it must raise the version. */
  @Test
  void theFileIsSafetensors() throws IOException {
    Path file = folder.resolve("a");
    Map<String, StateTensor> state = new LinkedHashMap<>();
    state.put("m", tensor(DType.FLOAT16, 1, 2, 3, 4));
    state.put("exp_avg", tensor(DType.FLOAT64, 0, 0, 0, 0, 0, 0, -16, 63));
    StateDict optimizer =
        new StateDict(
            List.of(
                new StateDict.Group(
                    Map.of(HyperParameter.LR, 0.1, HyperParameter.EPS, 1e-8), List.of("w.é", "b"))),
            Map.of("w.é", new ParameterState(OptionalLong.of(12), state)));
    CheckpointFile.save(file, Checkpoint.builder(3, optimizer).metadata("by", "me").build());

    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[Math.toIntExact(bytes.getLong())];
    bytes.get(header);
    byte[] data = new byte[bytes.remaining()];
    bytes.get(data);
    String text = new String(header, UTF_8);
    CRC32C own = new CRC32C();
    own.update(bytes.rewind().limit(8));
    String checksum = text.replaceFirst(".*?\"warpstep\\.crc32c\":\"(.{8})\".*", "$1");
    own.update(text.replaceFirst(checksum, "00000000").getBytes(UTF_8));
    String expected =
        """
        {"__metadata__":{"warpstep.version":"1",\
        "warpstep.crc32c":"%08x",\
        "warpstep.step":"3",\
        "warpstep.group.0":"{\\"lr\\":0.1,\\"eps\\":1.0E-8}",\
        "warpstep.parameter.w.é":"0 0 12",\
        "warpstep.parameter.b":"0 1 -",\
        "by":"me",\
        "warpstep.crc32c.optimizer.state.w.é.exp_avg":"%08x",\
        "warpstep.crc32c.optimizer.state.w.é.m":"%08x"},\
        "optimizer.state.w.é.exp_avg":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},\
        "optimizer.state.w.é.m":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}\
        """
            .formatted(
                own.getValue(),
                crc32c(new byte[] {0, 0, 0, 0, 0, 0, -16, 63}),
                crc32c(new byte[] {1, 2, 3, 4}));
    assertEquals(expected, text.stripTrailing());
    assertEquals(0, header.length % 8);
    assertEquals("[0, 0, 0, 0, 0, 0, -16, 63, 1, 2, 3, 4]", Arrays.toString(data));
  }

  @Test
  void tensorsLargerThanTheStagingMemoryAreWhole() throws IOException {
    Path file = folder.resolve("a");
    Checkpoint checkpoint = Samples.small(1, (9 << 20) / 4 + 1);
    CheckpointFile.save(file, checkpoint);
    Samples.assertSame(checkpoint, CheckpointFile.load(file));
    try (Arena arena = Arena.ofShared()) {
      Samples.assertSame(checkpoint, CheckpointFile.map(file, arena));
    }
  }

  /** Their names take more memory than the allowance of so small a file: it is padded. */
  @Test
  void manyParametersWithoutStateAreLoaded() throws IOException {
    Path file = folder.resolve("a");
    List<String> names = new ArrayList<>();
    for (int i = 0; i < 30_000; i++) {
      names.add(Integer.toString(i, 36));
    }
    StateDict optimizer = new StateDict(List.of(new StateDict.Group(Map.of(), names)), Map.of());
    // Every remainder of the header's length.
    for (int length = 0; length < 8; length++) {
      Checkpoint.Builder builder = Checkpoint.builder(1, optimizer);
      CheckpointFile.save(file, builder.metadata("x", "x".repeat(length)).build());
      assertEquals(
          names, CheckpointFile.load(file).optimizer().paramGroups().getFirst().parameters());
    }
  }

  @Test
  void whatNoFileCanTellIsRefusedAndTheOldFileStays() throws IOException {
    Path file = folder.resolve("a");
    Checkpoint before = Samples.everything(1, 1);
    CheckpointFile.save(file, before);
    StateTensor one = tensor(DType.FLOAT16, 1, 2);
    StateDict twice = new StateDict(List.of(group("w", "v"), group("w")), Map.of());
    StateDict unknown =
        new StateDict(
            List.of(group("w")), Map.of("v", new ParameterState(OptionalLong.of(1), Map.of())));
    StateDict dot = state("w", OptionalLong.of(1), Map.of("a.b", one));
    StateDict late = state("w", OptionalLong.of((1L << 53) + 1), Map.of());
    StateDict none = new StateDict(List.of(), Map.of());
    SchedulerState deep = new SchedulerState("x", Map.of(), List.of());
    for (int i = 0; i < 200; i++) {
      deep = new SchedulerState("x", Map.of(), List.of(deep));
    }
    Long[] shape = new Long[65];
    Arrays.fill(shape, 1L);
    refused(file, "w", Checkpoint.builder(1, twice).build());
    refused(file, "v", Checkpoint.builder(1, unknown).build());
    refused(file, "a.b", Checkpoint.builder(1, dot).build());
    refused(file, "9007199254740993", Checkpoint.builder(1, late).build());
    refused(file, "Unicode", Checkpoint.builder(1, none).parameter("\uD800", one).build());
    refused(file, "Unicode", Checkpoint.builder(1, none).metadata("a", "\uDC00").build());
    refused(file, "nesting", Checkpoint.builder(1, none).scheduler("s", deep).build());
    refused(
        file,
        "64 dimensions",
        Checkpoint.builder(1, none)
            .parameter("p", Samples.tensor(new Random(1), DType.FLOAT16, shape))
            .build());
    refused(
        file, "exceeds", Checkpoint.builder(1, none).parameter("n".repeat(100_001), one).build());
    refused(
        file, "exceeds", Checkpoint.builder(1, none).metadata("n", "x".repeat(3 << 20)).build());
    Samples.assertSame(before, CheckpointFile.load(file));
    assertEquals(List.of(file), files());
  }

  @Test
  void freedMemoryIsTheCallersErrorAndTheOldFileStays() throws IOException {
    Path file = folder.resolve("a");
    CheckpointFile.save(file, Samples.small(1, 1));
    StateTensor freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = new StateTensor(DType.FLOAT32, List.of(1L), arena.allocate(4));
    }
    Checkpoint checkpoint =
        Checkpoint.builder(2, new StateDict(List.of(), Map.of())).parameter("p", freed).build();
    assertThrows(IllegalStateException.class, () -> CheckpointFile.save(file, checkpoint));
    assertEquals(1, CheckpointFile.load(file).step());
    assertEquals(List.of(file), files());
  }

  private void refused(Path file, String reason, Checkpoint checkpoint) {
    CheckpointException refusal =
        assertThrows(CheckpointException.class, () -> CheckpointFile.save(file, checkpoint));
    assertTrue(refusal.getMessage().contains(reason), refusal::getMessage);
    assertEquals(file, refusal.file());
    assertFalse(refusal.getMessage().contains("null"), refusal::getMessage);
  }

  private List<Path> files() throws IOException {
    try (var files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static StateDict.Group group(String... names) {
    return new StateDict.Group(Map.of(), List.of(names));
  }

  private static StateDict state(String name, OptionalLong step, Map<String, StateTensor> tensors) {
    return new StateDict(List.of(group(name)), Map.of(name, new ParameterState(step, tensors)));
  }

  private static StateTensor tensor(DType dtype, int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return new StateTensor(
        dtype, List.of((long) bytes.length / dtype.sizeBytes()), MemorySegment.ofArray(bytes));
  }

  private static long crc32c(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return crc.getValue();
  }
}
