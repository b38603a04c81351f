package dev.warpstep.checkpoint.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pickles that would run code, take all memory, or are none, in files that are sound otherwise. */
class HostilePickleTest {
  private static final int MANY = 2_000_000;

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "os, system",
    "posix, system",
    "builtins, eval",
    "__builtin__, exec",
    "torch, load",
    "torch.storage, _load_from_bytes",
    "torch._utils, _rebuild_tensor_v3",
    "collections, namedtuple",
    "java.lang, Runtime",
    "torch.nn.modules.linear, Linear"
  })
  void refusesEveryGlobalThatIsNotOnTheList(String module, String name) throws Exception {
    Pickles call = new Pickles().global(module, name).text("touch /tmp/owned");
    refused(call.raw(Opcode.TUPLE1, Opcode.REDUCE), "archive/data.pkl", module + "." + name);
    Pickles modern = new Pickles().text(module).text(name).raw(Opcode.STACK_GLOBAL);
    refused(modern.raw(Opcode.EMPTY_TUPLE, Opcode.REDUCE), "refused global " + module + "." + name);
  }

  @ParameterizedTest
  @ValueSource(ints = {0x81, 'i', 'o', 'P', 0x82, 0x92, 'S', 'I', 'L', 'F', 'p', '0', '2', 0x98})
  void refusesEveryOtherOpcode(int opcode) throws Exception {
    refused(new Pickles().raw(Opcode.EMPTY_DICT, opcode), "has opcode 0x%02x".formatted(opcode));
  }

  @Test
  void refusesToCallOrBuildWhatIsNoFunction() throws Exception {
    refused(
        new Pickles().text("system").raw(Opcode.EMPTY_TUPLE, Opcode.REDUCE),
        "calls what is no function");
    refused(new Pickles().raw(Opcode.EMPTY_LIST, Opcode.EMPTY_DICT, Opcode.BUILD), "attributes");
    refused(
        new Pickles().global("torch", "FloatStorage").raw(Opcode.EMPTY_TUPLE, Opcode.REDUCE),
        "calls STORAGE");
    refused(new Pickles().text("/etc/passwd").raw(Opcode.BINPERSID), "no storage");
  }

  @Test
  void refusesLengthsBeyondTheFileBeforeAllocating() throws Exception {
    refused(new Pickles().raw(Opcode.BINUNICODE).u32(0xFFFF_FFFFL), "4294967295 bytes");
    refused(new Pickles().raw(Opcode.BINUNICODE8).u32(0).u32(1 << 30), "beyond 1048576");
    refused(new Pickles().raw(Opcode.BINUNICODE8).u32(0).u32(1L << 31), "bytes where");
    refused(new Pickles().raw(Opcode.LONG1, 255), "whole number of 255 bytes");
    refused(new Pickles().global("a".repeat(10_000), "b"), "more than 256 characters");
  }

  @Test
  void refusesDeepNesting() throws Exception {
    refused(new Pickles().repeated(MANY, Opcode.MARK), "nested deeper than 1000");
    refused(
        new Pickles().repeated(MANY, Opcode.EMPTY_LIST).repeated(MANY - 1, Opcode.APPEND),
        "more than fits");
    // Less than the memory it may take, but deeper than any stack of calls.
    int some = 50_000;
    refused(
        new Pickles().repeated(some, Opcode.EMPTY_LIST).repeated(some - 1, Opcode.APPEND),
        "no state and param_groups");
    refused(
        new Pickles().raw(Opcode.NONE).repeated(some, Opcode.TUPLE1), "no state and param_groups");
  }

  @Test
  void refusesMoreObjectsThanTheFileMayHave() throws Exception {
    refused(new Pickles().repeated(MANY, Opcode.EMPTY_DICT), "more than fits");
    refused(new Pickles().repeated(2 * MANY, Opcode.NONE), "more than fits");
    refused(new Pickles().repeated(MANY, Opcode.EMPTY_DICT, Opcode.MEMOIZE), "more than fits");
  }

  /** Each tuple holds the one before it twice: 2^60 objects for whoever walks over them. */
  @Test
  void aMemoBombIsNeverWalkedOver() throws Exception {
    Pickles bomb = new Pickles().raw(Opcode.EMPTY_LIST, Opcode.MEMOIZE);
    for (int i = 0; i < 60; i++) {
      bomb.raw(Opcode.BINGET, i, Opcode.TUPLE2, Opcode.MEMOIZE);
    }
    refused(bomb, "has no state and param_groups");
  }

  @Test
  void aListOrDictThatContainsItselfDoesNotHang() throws Exception {
    refused(
        new Pickles().raw(Opcode.EMPTY_LIST, Opcode.BINPUT, 0, Opcode.BINGET, 0, Opcode.APPEND),
        "no state");
    refused(
        new Pickles()
            .raw(Opcode.EMPTY_DICT, Opcode.BINPUT, 0)
            .raw(Opcode.BINGET, 0, Opcode.BINGET, 0, Opcode.SETITEM),
        "no state");
    Pickles own = new Pickles().raw(Opcode.EMPTY_DICT, Opcode.BINPUT, 0, Opcode.MARK);
    own.text("state").raw(Opcode.BINGET, 0).text("param_groups").raw(Opcode.EMPTY_LIST);
    own.raw(Opcode.BINPUT, 1, Opcode.BINGET, 0, Opcode.APPEND, Opcode.SETITEMS);
    refused(own, "param group 0");
  }

  @Test
  void refusesMemoAndStackOutOfBounds() throws Exception {
    refused(new Pickles().raw(Opcode.NONE, Opcode.LONG_BINPUT).u32(0xFFFF_FFFFL), "number 42949");
    refused(new Pickles().raw(Opcode.NONE, Opcode.BINPUT, 1), "as number 1");
    refused(new Pickles().raw(Opcode.BINGET, 0), "object 0 of the 0");
    refused(new Pickles().raw(Opcode.LONG_BINGET).u32(0x8000_0000L), "object 2147483648");
    refused(new Pickles().raw(Opcode.TUPLE), "mark that is not there");
    refused(new Pickles().raw(Opcode.NONE, Opcode.TUPLE2), "has fewer");
    refused(new Pickles().raw(Opcode.EMPTY_LIST, Opcode.MARK, Opcode.APPEND), "has fewer");
    refused(new Pickles().raw(Opcode.NONE, Opcode.NONE), "left over");
    refused(new Pickles(), "empty stack");
    refused(new Pickles().raw(Opcode.NONE, Opcode.STOP), "goes on");
  }

  @Test
  void refusesTensorsOutsideOfTheirStorage() throws Exception {
    long[] one = {1};
    refusedTensor(4, 0, new long[] {5}, one, "5 elements from 0 on in a storage of 4");
    refusedTensor(4, 4, one, one, "1 elements from 4 on");
    refusedTensor(4, Long.MAX_VALUE, one, one, "too large a shape");
    refusedTensor(4, -1, one, one, "without an offset");
    refusedTensor(4, 0, new long[] {-1}, one, "no count");
    refusedTensor(4, 0, new long[] {2}, new long[] {-1}, "no count");
    refusedTensor(4, 0, new long[] {2}, new long[] {Long.MAX_VALUE}, "too large");
    refusedTensor(4, 0, new long[] {1L << 40, 1L << 40}, new long[] {0, 0}, "too large");
    refusedTensor(4, 0, new long[] {2}, new long[0], "without an offset");
    refusedTensor(4, 0, new long[100], new long[100], "64 dimensions");
    refusedTensor(5, 0, new long[] {4}, one, "must have 5 elements of 4 bytes, has 16 bytes");
    refusedTensor(1L << 62, 0, new long[] {4}, one, "must have 4611686018427387904 elements");
  }

  @Test
  void refusesAnExpandedTensorThatIsFarLargerThanTheFile() throws Exception {
    refusedTensor(4, 0, new long[] {1L << 40}, new long[] {0}, "more than the file could hold");
    Pickles state = new Pickles().raw(Opcode.BININT1, 0, Opcode.EMPTY_DICT, Opcode.MARK);
    int parameters = 1000;
    for (int i = 0; i < parameters; i++) {
      if (i > 0) {
        state.number(i).raw(Opcode.EMPTY_DICT, Opcode.MARK);
      }
      state.text("momentum_buffer").tensor(4, 0, new long[] {50_000}, new long[] {0});
      state.raw(Opcode.SETITEMS);
    }
    Path file = Pickles.sgd(parameters, state).write(directory.resolve("many.pt"), 16);
    refused(file, "more than fits");
  }

  @Test
  void refusesAStepThatIsNoCount() throws Exception {
    for (double step : new double[] {-1, 0.5, 0x1p53 + 2, Double.NaN, Double.POSITIVE_INFINITY}) {
      byte[] real = ByteBuffer.allocate(9).put((byte) Opcode.BINFLOAT).putDouble(step).array();
      Pickles value = new Pickles();
      for (byte b : real) {
        value.raw(b);
      }
      refusedStep(value, Double.toString(step));
    }
    for (long step : new long[] {-1, (1L << 53) + 1, 1L << 60}) {
      refusedStep(new Pickles().number(step), Long.toString(step));
      byte[] storage = new byte[Long.BYTES];
      ByteBuffer.wrap(storage).order(ByteOrder.LITTLE_ENDIAN).putLong(step);
      Pickles tensor = new Pickles().tensor("LongStorage", 1, 0, new long[0], new long[0]);
      refusedStep(tensor, Long.toString(step), storage);
    }
  }

  private void refusedStep(Pickles value, String shown, byte[]... storages) throws IOException {
    Pickles pickle = new Pickles().raw(Opcode.EMPTY_DICT, Opcode.MARK).text("param_groups");
    pickle.raw(Opcode.EMPTY_LIST, Opcode.EMPTY_DICT, Opcode.MARK);
    for (String key : TorchLayout.of(TorchOptimizer.RMSPROP).keys()) {
      pickle.text(key).raw(Opcode.BININT1, 0);
    }
    pickle.text("params").raw(Opcode.EMPTY_LIST, Opcode.BININT1, 0, Opcode.APPEND);
    pickle.text("param_names").raw(Opcode.EMPTY_LIST).text("p").raw(Opcode.APPEND);
    pickle.raw(Opcode.SETITEMS, Opcode.APPEND).text("state").raw(Opcode.EMPTY_DICT, Opcode.BININT1);
    pickle.raw(0, Opcode.EMPTY_DICT).text("step");
    pickle.append(value);
    pickle.raw(Opcode.SETITEM, Opcode.SETITEM, Opcode.SETITEMS);
    Path file = pickle.write(directory.resolve("step.pt"), storages);
    refused(file, "state of p", "in [0, 2^53], was " + shown);
  }

  @Test
  void refusesRoundingWithStepsThatAreNoCount() throws Exception {
    for (long steps : new long[] {-1, (1L << 53) + 1, Long.MAX_VALUE}) {
      Pickles pickle = Pickles.sgd(1, new Pickles()).text(RoundingEntry.KEY);
      pickle.raw(Opcode.EMPTY_DICT, Opcode.MARK).text(RoundingEntry.SEED).number(1);
      pickle.text(RoundingEntry.STEPS).number(steps).raw(Opcode.SETITEMS, Opcode.SETITEM);
      refused(pickle, RoundingEntry.KEY, "steps in [0, 2^53]");
    }
  }

  @Test
  void theFilesOfTheseTestsAreReadWhereNothingIsWrong() throws Exception {
    Pickles state = new Pickles().raw(Opcode.BININT1, 1, Opcode.EMPTY_DICT);
    state.text("momentum_buffer").tensor(4, 1, new long[] {3}, new long[] {1}).raw(Opcode.SETITEM);
    Path file = Pickles.sgd(2, state).write(directory.resolve("good.pt"), 16);
    assertEquals(
        3,
        TorchReader.of(file)
            .read()
            .stateDict()
            .state()
            .get("p1")
            .tensor("momentum_buffer")
            .toArray()
            .length);
  }

  private void refusedTensor(
      long elements, long offset, long[] shape, long[] strides, String message) throws IOException {
    Pickles state = new Pickles().raw(Opcode.BININT1, 0, Opcode.EMPTY_DICT).text("momentum_buffer");
    state.tensor(elements, offset, shape, strides).raw(Opcode.SETITEM);
    refused(Pickles.sgd(1, state).write(directory.resolve("tensor.pt"), 16), message);
  }

  private void refused(Pickles pickle, String... messages) throws IOException {
    refused(pickle.write(directory.resolve("hostile.pt")), messages);
  }

  private static void refused(Path file, String... messages) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> TorchReader.of(file).read());
    assertEquals(file, e.file());
    for (String message : messages) {
      assertTrue(e.getMessage().contains(message), e::getMessage);
    }
  }
}
