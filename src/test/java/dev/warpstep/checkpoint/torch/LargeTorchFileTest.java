package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.DType;
import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * A tensor beyond 4 GiB, and one behind it: sizes and offsets of 64 bits. Takes 5 GB of memory and
 * 10 GB on the disk.
 */
@EnabledIfSystemProperty(
    named = "warpstep.test.large",
    matches = "true",
    disabledReason = "-Dwarpstep.test.large=true, 5 GB of memory and 10 GB on the disk")
class LargeTorchFileTest {
  private static final long ELEMENTS = (1L << 30) + 1000;

  private static final String PYTHON =
      """
      import sys, torch, zipfile
      from torch.utils.serialization import config
      assert zipfile.ZipFile(sys.argv[1]).testzip() is None
      for offsets in (False, True):
          config.load.calculate_storage_offsets = offsets
          state = torch.load(sys.argv[1], weights_only=True, mmap=True)["state"]
          large, small = (state[p]["momentum_buffer"] for p in (0, 1))
          assert large.shape == (2**30 + 1000,), large.shape
          assert large[[0, 1, -1]].tolist() == [1, 0, 2], large
          assert small.tolist() == [3, 4], small
      """;

  @TempDir private Path directory;

  @Test
  void goesBeyondFourGigabytes() throws Exception {
    Path file = directory.resolve("large.pt");
    StateDict small = TorchWriterTest.sgd(new float[] {3, 4});
    try (Arena arena = Arena.ofShared();
        FileChannel sparse =
            FileChannel.open(
                directory.resolve("sparse"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.SPARSE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
      MemorySegment values =
          sparse.map(FileChannel.MapMode.READ_WRITE, 0, ELEMENTS * Float.BYTES, arena);
      values.setAtIndex(ValueLayout.JAVA_FLOAT, 0, 1);
      values.setAtIndex(ValueLayout.JAVA_FLOAT, ELEMENTS - 1, 2);
      StateTensor tensor = new StateTensor(DType.FLOAT32, List.of(ELEMENTS), values);
      Map<String, ParameterState> state = new LinkedHashMap<>();
      state.put(
          "large", new ParameterState(OptionalLong.empty(), Map.of("momentum_buffer", tensor)));
      state.putAll(small.state());
      StateDict.Group group =
          new StateDict.Group(
              small.paramGroups().getFirst().hyperParameters(), List.of("large", "p"));
      TorchWriter.save(file, new StateDict(List.of(group), state));
    }
    StateDict read = TorchReader.of(file).read().stateDict();
    MemorySegment values = read.state().get("large").tensor("momentum_buffer").values();
    assertEquals(ELEMENTS * Float.BYTES, values.byteSize());
    assertEquals(1, values.getAtIndex(ValueLayout.JAVA_FLOAT, 0));
    assertEquals(0, values.getAtIndex(ValueLayout.JAVA_FLOAT, 1));
    assertEquals(2, values.getAtIndex(ValueLayout.JAVA_FLOAT, ELEMENTS - 1));
    assertArrayEquals(
        new float[] {3, 4}, read.state().get("p").tensor("momentum_buffer").toArray());
    String python = System.getenv("WARPSTEP_TEST_PYTHON");
    if (python != null) {
      Process process =
          new ProcessBuilder(python, "-c", PYTHON, file.toString())
              .redirectErrorStream(true)
              .start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), output);
    }
  }
}
