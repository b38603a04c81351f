package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.AdamW;
import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.MasterWeights;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import dev.warpstep.StateDict;
import dev.warpstep.StateTensor;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Master weights go through a file of PyTorch's, bit for bit. */
class MasterEntryTest {
  private static final int COUNT = 101;
  private static final int STEPS = 7;

  @TempDir private Path directory;

  /** Two parameters, of which the second has no gradient in the first steps. */
  private static final class Training implements AutoCloseable {
    final List<short[]> values = List.of(new short[COUNT], new short[3]);
    final List<Parameter> parameters;
    final Device device = Device.cpu(1);
    final Optimizer optimizer;

    Training(Optimizer.Builder<?, ?> builder, MasterWeights masterWeights, DType dtype) {
      parameters =
          List.of(
              Parameter.of("first", dtype, MemorySegment.ofArray(values.get(0))),
              Parameter.of("late", dtype, MemorySegment.ofArray(values.get(1))));
      optimizer = builder.masterWeights(masterWeights).build(device, parameters);
    }

    void run(int from, int to) {
      for (int step = from; step < to; step++) {
        SplittableRandom random = new SplittableRandom(step);
        for (Parameter parameter : parameters.subList(0, step < STEPS ? 1 : 2)) {
          float[] gradient = new float[(int) parameter.elementCount()];
          for (int i = 0; i < gradient.length; i++) {
            gradient[i] = (float) random.nextGaussian();
          }
          parameter.gradient(gradient);
        }
        optimizer.step();
      }
    }

    @Override
    public void close() {
      optimizer.close();
      device.close();
    }
  }

  static Stream<Arguments> trainings() {
    List<Supplier<Optimizer.Builder<?, ?>>> rules =
        List.of(
            () -> SGD.builder().lr(0.01),
            () -> SGD.builder().lr(0.01).momentum(0.9),
            () -> RMSprop.builder().lr(0.01),
            () -> AdamW.builder().lr(0.01).amsgrad(true));
    return rules.stream()
        .flatMap(
            rule ->
                Stream.of(
                    Arguments.of(rule, MasterWeights.FLOAT32, DType.BFLOAT16),
                    Arguments.of(rule, MasterWeights.FLOAT32, DType.FLOAT16),
                    Arguments.of(rule, MasterWeights.REMAINDER, DType.BFLOAT16)));
  }

  @ParameterizedTest
  @MethodSource("trainings")
  void aTrainingThatGoesOnFromAFileHasTheBitsOfOneThatNeverStopped(
      Supplier<Optimizer.Builder<?, ?>> rule, MasterWeights masterWeights, DType dtype)
      throws Exception {
    Path file = directory.resolve("stopped.pt");
    try (Training straight = new Training(rule.get(), masterWeights, dtype);
        Training resumed = new Training(rule.get(), masterWeights, dtype)) {
      straight.run(0, STEPS);
      TorchWriter.save(file, straight.optimizer);
      assertSame(straight.optimizer.stateDict(), TorchReader.of(file).read().stateDict());
      for (int p = 0; p < 2; p++) {
        short[] from = straight.values.get(p);
        System.arraycopy(from, 0, resumed.values.get(p), 0, from.length);
      }
      resumed.optimizer.loadStateDict(TorchReader.of(file).read().stateDict());
      straight.run(STEPS, 2 * STEPS);
      resumed.run(STEPS, 2 * STEPS);
      for (int p = 0; p < 2; p++) {
        assertArrayEquals(straight.values.get(p), resumed.values.get(p));
      }
      assertSame(straight.optimizer.stateDict(), resumed.optimizer.stateDict());
    }
  }

  private static void assertSame(StateDict expected, StateDict actual) {
    assertEquals(expected.paramGroups(), actual.paramGroups());
    assertEquals(expected.state().keySet(), actual.state().keySet());
    expected
        .state()
        .forEach(
            (name, state) -> {
              assertTrue(state.tensors().containsKey("master_param"), name);
              ParameterState other = actual.state().get(name);
              assertEquals(state.step(), other.step());
              assertEquals(
                  List.copyOf(state.tensors().keySet()), List.copyOf(other.tensors().keySet()));
              state
                  .tensors()
                  .forEach(
                      (array, tensor) -> {
                        StateTensor same = other.tensor(array);
                        assertEquals(tensor.dtype(), same.dtype());
                        assertEquals(-1, tensor.values().mismatch(same.values()), array);
                      });
            });
  }

  @Test
  void masterWeightsOfAnotherTypeAreRefused() throws Exception {
    StateTensor half =
        new StateTensor(DType.BFLOAT16, List.of(1L), MemorySegment.ofArray(new short[1]));
    Path file = directory.resolve("half.pt");
    StateDict stateDict =
        new StateDict(
            TorchWriterTest.sgd(new float[1]).paramGroups(),
            Map.of("p", new ParameterState(OptionalLong.empty(), Map.of("master_param", half))));
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> TorchWriter.save(file, stateDict));
    assertTrue(e.getMessage().contains("must have master weights of fp32, had BFLOAT16"));
    long[] one = {1};
    Pickles entry = dict().number(0).tensor("BFloat16Storage", 2, 0, one, one);
    refused(entry(entry, Opcode.SETITEMS), "master_params of p0", "must be of fp32, was BFLOAT16");
  }

  @Test
  void anEntryThatIsNoneOfMasterWeightsIsRefused() throws Exception {
    refused(entry(new Pickles().number(1)), "must be a dict");
    refused(entry(dict().text("0").number(1), Opcode.SETITEMS), "no number of a parameter");
    refused(entry(dict().number(1).number(1), Opcode.SETITEMS), "a parameter 1 that has no state");
    refused(entry(dict().number(0).number(1), Opcode.SETITEMS), "must be a tensor");
    long[] one = {1};
    Pickles sound = dict().number(0).tensor(1, 0, one, one);
    TorchState read = TorchReader.of(entry(sound, Opcode.SETITEMS)).read();
    assertEquals(Set.of("master_param"), read.stateDict().state().get("p0").tensors().keySet());
    Pickles twice = dict().number(0).tensor(1, 0, one, one).number(0).tensor(1, 0, one, one);
    refused(entry(twice, Opcode.SETITEMS), "twice");
  }

  private static Pickles dict() {
    return new Pickles().raw(Opcode.EMPTY_DICT, Opcode.MARK);
  }

  /** The state dict of SGD with one parameter, without state, and this entry. */
  private Path entry(Pickles value, int... end) throws IOException {
    Pickles pickle = Pickles.sgd(1, new Pickles()).text(MasterEntry.KEY).append(value).raw(end);
    return pickle.raw(Opcode.SETITEM).write(directory.resolve("entry.pt"), 4);
  }

  private static void refused(Path file, String... messages) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> TorchReader.of(file).read());
    for (String message : messages) {
      assertTrue(e.getMessage().contains(message), e::getMessage);
    }
  }
}
