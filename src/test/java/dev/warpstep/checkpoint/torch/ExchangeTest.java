package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.MasterWeights;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.golden.GoldenInputs;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Optimizers of every rule and type go on in PyTorch from what Warpstep saved, and the other way
 * round. Needs a Python with PyTorch, named by {@code WARPSTEP_TEST_PYTHON}; {@code
 * src/test/exchange/exchange.py} is its half, and says what is compared and how far it may be
 * apart.
 */
class ExchangeTest {
  private static final Path SCRIPT = Path.of("src", "test", "exchange", "exchange.py");

  // As in exchange.py.
  private static final long[][] SHAPES = {{3, 5}, {17}, {0, 4}, {65}, {2, 2}};
  private static final int SECOND_GROUP = 3;
  private static final int LATE = 1;
  private static final int BEFORE = 5;
  private static final int AFTER = 10;
  private static final GoldenInputs INPUTS = new GoldenInputs(7);

  @TempDir private Path directory;

  @Test
  void optimizersGoOnInPyTorchAndBack() throws Exception {
    List<ExchangeCase> cases = ExchangeCase.all();
    run("prepare", cases);
    try (Device device = Device.cpu(1)) {
      for (ExchangeCase row : cases) {
        try (Model model = new Model(row, MasterWeights.NONE, device)) {
          model.train(1, BEFORE);
          model.save("ours", BEFORE);
          model.train(BEFORE + 1, AFTER);
          model.save("ours", BEFORE + AFTER);
        }
        try (Model model = new Model(row, MasterWeights.NONE, device)) {
          model.load("theirs", BEFORE);
          model.train(BEFORE + 1, AFTER);
          model.save("returned", BEFORE + AFTER);
        }
      }
    }
    run("compare", cases);
  }

  @Test
  void pyTorchGoesOnWithoutMasterWeightsAndLeavesNoOldOnes() throws Exception {
    ExchangeCase row =
        ExchangeCase.all().stream()
            .filter(of -> of.dtype() == DType.BFLOAT16 && of.optimizer().equals("AdamW"))
            .findFirst()
            .orElseThrow();
    try (Device device = Device.cpu(1)) {
      try (Model model = new Model(row, MasterWeights.FLOAT32, device)) {
        model.train(1, BEFORE);
        model.save("ours", BEFORE);
      }
      run("masters", List.of(row));
      try (Model model = new Model(row, MasterWeights.FLOAT32, device)) {
        model.load("theirs", BEFORE + AFTER);
        for (Parameter parameter : model.parameters) {
          assertEquals(
              Set.of("exp_avg", "exp_avg_sq"),
              model.optimizer.state().get(parameter).tensors().keySet());
        }
      }
    }
  }

  private void run(String command, List<ExchangeCase> cases) throws Exception {
    String python = System.getenv("WARPSTEP_TEST_PYTHON");
    Assumptions.assumeTrue(
        python != null, "WARPSTEP_TEST_PYTHON names no Python with PyTorch to exchange state with");
    Files.write(directory.resolve("cases.txt"), cases.stream().map(ExchangeCase::line).toList());
    Process process =
        new ProcessBuilder(python, SCRIPT.toString(), command, directory.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    System.out.print(output);
    assertEquals(0, process.waitFor(), output);
  }

  /** Parameters and their optimizer. */
  private final class Model implements AutoCloseable {
    private final ExchangeCase row;
    private final List<MemorySegment> values = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final Optimizer optimizer;

    Model(ExchangeCase row, MasterWeights masterWeights, Device device) {
      this.row = row;
      for (int t = 0; t < SHAPES.length; t++) {
        int tensor = t;
        values.add(filled(elementCount(t), i -> initial(tensor, i)));
        parameters.add(Parameter.of("p" + t, row.dtype(), values.get(t), SHAPES[t]));
      }
      ParamGroup second = ParamGroup.of(parameters.subList(SECOND_GROUP, SHAPES.length));
      second.lr(row.settings().get(HyperParameter.LR) / 2);
      optimizer =
          row.builder()
              .masterWeights(masterWeights)
              .build(device, ParamGroup.of(parameters.subList(0, SECOND_GROUP)), second);
    }

    void train(int first, int steps) {
      for (int s = first; s < first + steps; s++) {
        int step = s;
        for (int t = 0; t < SHAPES.length; t++) {
          int tensor = t;
          if (t == LATE && step <= BEFORE) {
            parameters.get(t).clearGradient();
          } else {
            parameters
                .get(t)
                .gradient(filled(elementCount(t), i -> gradient(row.dtype(), tensor, step, i)));
          }
        }
        optimizer.step();
      }
    }

    private MemorySegment filled(int count, IndexedValue value) {
      MemorySegment memory =
          Arena.ofAuto().allocate((long) count * row.dtype().sizeBytes(), Double.BYTES);
      for (int i = 0; i < count; i++) {
        float number = value.at(i);
        switch (row.dtype()) {
          case FLOAT32 -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, number);
          case FLOAT64 -> memory.setAtIndex(ValueLayout.JAVA_DOUBLE, i, number);
          case FLOAT16 ->
              memory.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(number));
          case BFLOAT16 -> memory.setAtIndex(ValueLayout.JAVA_SHORT, i, bfloat16(number));
        }
      }
      return memory;
    }

    void save(String side, int step) throws IOException {
      TorchWriter.save(path(side, step, "pt"), optimizer);
      try (var out = Files.newOutputStream(path(side, step, "bin"))) {
        for (MemorySegment memory : values) {
          out.write(memory.toArray(ValueLayout.JAVA_BYTE));
        }
      }
    }

    void load(String side, int step) throws IOException {
      MemorySegment all = MemorySegment.ofArray(Files.readAllBytes(path(side, step, "bin")));
      long from = 0;
      for (MemorySegment memory : values) {
        memory.copyFrom(all.asSlice(from, memory.byteSize()));
        from += memory.byteSize();
      }
      optimizer.loadStateDict(TorchReader.of(path(side, step, "pt")).read().stateDict());
    }

    private Path path(String side, int step, String ending) {
      return directory.resolve("%s.%s.%d.%s".formatted(row.name(), side, step, ending));
    }

    @Override
    public void close() {
      optimizer.close();
    }
  }

  private interface IndexedValue {
    float at(int index);
  }

  private static int elementCount(int tensor) {
    long count = 1;
    for (long size : SHAPES[tensor]) {
      count *= size;
    }
    return (int) count;
  }

  // The twins of exchange.py's initial and gradient, which say why.

  private static float initial(int tensor, int index) {
    return Math.scalb(INPUTS.initial(tensor, index), -3 * (index % 4));
  }

  private static float gradient(DType dtype, int tensor, int step, int index) {
    float drawn = INPUTS.wild(tensor, step, index);
    if (dtype != DType.FLOAT16) {
      return drawn;
    }
    return drawn == 0 ? 0.25f : Math.scalb(drawn, Math.max(0, -2 - Math.getExponent(drawn)));
  }

  /** To the nearest, ties to even. */
  private static short bfloat16(float number) {
    int bits = Float.floatToRawIntBits(number);
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }
}
