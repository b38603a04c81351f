package dev.warpstep.checkpoint;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.SGD;
import dev.warpstep.StateDict;
import dev.warpstep.checkpoint.torch.TorchWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Files that are no checkpoint, or not the one that was saved.
 *
 * <p>Bits to flip: 3,000, or {@code mvn test -Dtest=BadFilesTest -Dwarpstep.flips=100000}.
 */
class BadFilesTest {
  private static final String STEP = "\"warpstep.step\":\"1\"";
  private static final String GROUP = STEP + ",\"warpstep.group.0\":\"{}\"";
  private static final String PARAMETER = GROUP + ",\"warpstep.parameter.w\":\"0 0 1\"";

  /** Of no bytes. */
  private static final String CHECKSUM = "\"warpstep.crc32c.parameter.w\":\"00000000\"";

  @TempDir private Path folder;
  private Path file;

  @BeforeEach
  void name() {
    file = folder.resolve("checkpoint");
  }

  @Test
  void aFlippedBitIsNoticed() throws IOException {
    CheckpointFile.save(file, Samples.everything(1, 1));
    byte[] bytes = Files.readAllBytes(file);
    int flips = Integer.getInteger("warpstep.flips", 3_000);
    int silent = 0;
    Random random = new Random(20);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (int i = 0; i < flips; i++) {
        // Every bit in turn as far as the number goes, then random ones.
        long bit =
            i < 8L * bytes.length && flips >= 8L * bytes.length
                ? i
                : random.nextLong(8L * bytes.length);
        int at = (int) (bit / 8);
        channel.write(ByteBuffer.wrap(new byte[] {(byte) (bytes[at] ^ 1 << (bit % 8))}), at);
        try {
          CheckpointFile.load(file);
          silent++;
        } catch (CheckpointException e) {
          assertEquals(file, e.file());
        }
        channel.write(ByteBuffer.wrap(bytes, at, 1), at);
      }
    }
    System.out.printf("measured: %,d flipped bits, %,d silently wrong%n", flips, silent);
    assertEquals(0, silent);
    Samples.assertSame(Samples.everything(1, 1), CheckpointFile.load(file));
  }

  @Test
  void aFileThatEndsTooEarlyOrTooLateIsNoticed() throws IOException {
    CheckpointFile.save(file, Samples.small(1, 3));
    byte[] bytes = Files.readAllBytes(file);
    for (int length = 0; length <= bytes.length + 9; length++) {
      if (length != bytes.length) {
        Files.write(file, Arrays.copyOf(bytes, length));
        refused("header");
      }
    }
  }

  @Test
  void whatIsNoFileIsSaid() throws IOException {
    refused("NoSuchFileException");
    file = folder;
    refused("not a regular file");
    file = Path.of("/dev/null");
    refused("not a regular file");
    file = Files.createSymbolicLink(folder.resolve("loop"), folder.resolve("loop"));
    refused("cannot read");
  }

  static Stream<Arguments> headers() {
    return Stream.of(
        bad("warpstep.step: is missing", "", ""),
        bad("warpstep.step", "\"warpstep.step\":\"-1\"", ""),
        bad("warpstep.step", "\"warpstep.step\":\"9007199254740993\"", ""),
        bad("warpstep.step", "\"warpstep.step\":\"9223372036854775808\"", ""),
        bad("warpstep.step", "\"warpstep.step\":\"+1\"", ""),
        bad("warpstep.step: is there twice", STEP + "," + STEP, ""),
        bad("warpstep.seed", STEP + ",\"warpstep.seed\":\"x\"", ""),
        bad("warpstep.other: is unknown", STEP + ",\"warpstep.other\":\"1\"", ""),
        bad("had VALUE_NUMBER_INT", "\"a\":1", ""),
        bad("warpstep.group.1: must come after 0", STEP + ",\"warpstep.group.1\":\"{}\"", ""),
        bad("one JSON object", STEP + ",\"warpstep.group.0\":\"[]\"", ""),
        bad("one JSON object", STEP + ",\"warpstep.group.0\":\"{}{}\"", ""),
        bad("warpstep.group.0: has 'lr' twice", group("{'lr':1,'lr':1}"), ""),
        bad("unknown mu", group("{'mu':1}"), ""),
        bad("wrong lr", group("{'lr':'1'}"), ""),
        bad("must not have VALUE_NULL", group("{'lr':null}"), ""),
        bad("nesting", group("{'lr':" + "[".repeat(100_000)), ""),
        bad("exceeds", group("{'lr':" + "1".repeat(10_000) + "}"), ""),
        bad("integers of 64 bits", group("{'lr':" + "1".repeat(50) + "}"), ""),
        bad("warpstep.parameter.w", GROUP + ",\"warpstep.parameter.w\":\"1 0 1\"", ""),
        bad("warpstep.parameter.w", GROUP + ",\"warpstep.parameter.w\":\"0 1 1\"", ""),
        bad("warpstep.parameter.w", GROUP + ",\"warpstep.parameter.w\":\"0 0\"", ""),
        bad("warpstep.parameter.w", GROUP + ",\"warpstep.parameter.w\":\"0 0 -1\"", ""),
        bad("2^53", GROUP + ",\"warpstep.parameter.w\":\"0 0 9007199254740993\"", ""),
        bad("warpstep.scaler: must have", STEP + ",\"warpstep.scaler\":\"{}\"", ""),
        bad("growthFactor", scaler("1,'growth_factor':1", "1"), ""),
        bad("integer overflow", scaler("1,'growth_factor':2", "9999999999"), ""),
        bad("warpstep.rounding", json("rounding", "{'seed':1,'steps':-1}"), ""),
        bad("warpstep.average.a", json("average.a", "{'decay':2,'updates':1}"), ""),
        bad("wrong updates", json("average.a", "{'updates':1.5}"), ""),
        bad("warpstep.average.a.b: names", json("average.a.b", "{'updates':1}"), ""),
        bad("warpstep.average.: names", json("average.", "{'updates':1}"), ""),
        bad("must have [scheduler", json("scheduler.s", "{'scheduler':'x','values':{}}"), ""),
        bad("wrong values", json("scheduler.s", scheduler("[]", "[]")), ""),
        bad("wrong a, x", json("scheduler.s", scheduler("{'a':['x']}", "[]")), ""),
        bad("wrong schedulers", json("scheduler.s", scheduler("{}", "[1]")), ""),
        bad("must be at [0, 0]", STEP + "," + CHECKSUM, tensor("F32", "[0]", "[0,4]")),
        bad("must be at [0, 4]", STEP + "," + CHECKSUM, tensor("F32", "[1]", "[1,5]")),
        bad("must be at [0, 4]", STEP + "," + CHECKSUM, tensor("F32", "[1]", "[4,0]")),
        bad("has tensors of 4 bytes", STEP + "," + CHECKSUM, tensor("F32", "[1]", "[0,4]")),
        bad("unknown dtype, I64", STEP + "," + CHECKSUM, tensor("I64", "[0]", "[0,0]")),
        bad("none negative", STEP + "," + CHECKSUM, tensor("F32", "[-1]", "[0,0]")),
        bad("had 0.5", STEP + "," + CHECKSUM, tensor("F32", "[0.5]", "[0,0]")),
        bad(
            "too large",
            STEP + "," + CHECKSUM,
            tensor("F32", "[4611686018427387904,4611686018427387904,0]", "[0,0]")),
        bad("too large", STEP + "," + CHECKSUM, tensor("F16", "[4611686018427387904]", "[0,0]")),
        bad(
            "64 dimensions",
            STEP + "," + CHECKSUM,
            tensor("F32", "[" + "1,".repeat(65) + "1]", "[0,4]")),
        bad("two offsets", STEP + "," + CHECKSUM, tensor("F32", "[0]", "[0,0,0]")),
        bad("has 'x'", STEP, "\"parameter.w\":{\"x\":1}"),
        bad("has shape twice", STEP, "\"parameter.w\":{\"shape\":[],\"shape\":[]}"),
        bad("must have a dtype", STEP, "\"parameter.w\":{}"),
        bad("had VALUE_NUMBER_INT", STEP, "\"parameter.w\":1"),
        bad("had START_OBJECT", STEP, "\"parameter.w\":{\"dtype\":{}}"),
        bad("had [", STEP, "\"parameter.w\":{\"shape\":" + "[".repeat(100_000)),
        bad(
            "parameter.w: is there twice",
            STEP + "," + CHECKSUM,
            tensor("F32", "[0]", "[0,0]") + "," + tensor("F32", "[0]", "[0,0]")),
        bad("parameter.w: must have the checksum", STEP, tensor("F32", "[0]", "[0,0]")),
        bad("no checkpoint has", STEP + "," + checksum("x"), tensor("x")),
        bad("of no average", STEP + "," + checksum("average.a.w"), tensor("average.a.w")),
        bad(
            "is state of no parameter",
            PARAMETER + "," + checksum("optimizer.state.v.m"),
            tensor("optimizer.state.v.m")),
        bad(
            "is state of no parameter",
            PARAMETER + "," + checksum("optimizer.state.m"),
            tensor("optimizer.state.m")),
        bad("Unicode", STEP + ",\"a\":\"\\uD800\"", ""),
        bad("Unicode", STEP + ",\"\\uDC00\\uD800\":\"a\"", ""),
        bad("Unicode", json("scheduler.s", scheduler("{'\\\\uD800x':[]}", "[]")), ""),
        bad("Unicode", STEP, tensor("\\uD800")),
        bad("twice", "\"__metadata__\":\"a\",\"__metadata__\":\"a\"", ""),
        bad("must have a dtype", STEP, "\"__metadata__\":{}"),
        bad("no JSON", STEP, "\"a"),
        bad("no JSON", STEP + "," + CHECKSUM, tensor("F32", "[0]", "[0,0]") + "}"),
        bad("must have null", STEP, tensor("F32", "[0]", "[0,0]") + "}{"));
  }

  private static Arguments bad(String reason, String metadata, String tensors) {
    return Arguments.of(reason, metadata, tensors);
  }

  private static String json(String key, String json) {
    return STEP + ",\"warpstep." + key + "\":\"" + json.replace("'", "\\\"") + '"';
  }

  private static String group(String json) {
    return json("group.0", json);
  }

  private static String scheduler(String values, String parts) {
    return "{'scheduler':'x','values':%s,'schedulers':%s}".formatted(values, parts);
  }

  private static String scaler(String factors, String interval) {
    return json(
        "scaler",
        "{'scale':%s,'backoff_factor':0.5,'growth_interval':%s,'_growth_tracker':0}"
            .formatted(factors, interval));
  }

  private static String checksum(String name) {
    return "\"warpstep.crc32c." + name + "\":\"00000000\"";
  }

  private static String tensor(String name) {
    return tensor("F32", "[0]", "[0,0]").replace("parameter.w", name);
  }

  private static String tensor(String dtype, String shape, String offsets) {
    return "\"parameter.w\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
        .formatted(dtype, shape, offsets);
  }

  @ParameterizedTest
  @MethodSource("headers")
  void aHeaderThatCannotBeIsSaid(String reason, String metadata, String tensors)
      throws IOException {
    Files.write(file, Forgery.file(metadata, tensors));
    refused(reason);
  }

  @Test
  void aForgedFileThatIsRightIsLoaded() throws IOException {
    Files.write(file, Forgery.file(STEP + "," + CHECKSUM, tensor("F32", "[0]", "[0,0]")));
    Samples.assertSame(
        Checkpoint.builder(1, new StateDict(List.of(), Map.of()))
            .parameter("w", CheckpointFile.load(file).parameters().get("w"))
            .build(),
        CheckpointFile.load(file));
  }

  @Test
  void foreignFilesAndOtherVersionsAreSaid() throws IOException {
    Files.write(file, "PK\3\4".repeat(100).getBytes(UTF_8));
    refused("must be at most 100000000 bytes");
    Files.write(file, new byte[1000]);
    refused("is not that of a Warpstep checkpoint");
    byte[] bytes = Forgery.file(STEP, "");
    Files.write(
        file, new String(bytes, UTF_8).replace("version\":\"1", "version\":\"2").getBytes(UTF_8));
    refused("must be of version 1, was '2'");
    Files.write(file, new String(bytes, UTF_8).replace("step\":\"1", "step\":\"2").getBytes(UTF_8));
    refused("header: must have the checksum");
    bytes[bytes.length - 3] = (byte) 0xFF;
    Files.write(file, Forgery.sealed(bytes));
    refused("UTF-8");
    String foreign = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}    ";
    Files.write(
        file,
        ByteBuffer.allocate(8 + foreign.length() + 4)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(foreign.length())
            .put(foreign.getBytes(UTF_8))
            .array());
    refused("is not that of a Warpstep checkpoint");
    try (Device device = Device.cpu(1);
        SGD sgd = SGD.builder().build(device, List.of(Parameter.of("w", new float[1])))) {
      TorchWriter.save(file, sgd);
    }
    refused("must be at most 100000000 bytes");
  }

  @Test
  void aFileThatMayNotBeReadIsSaid() throws IOException {
    CheckpointFile.save(file, Samples.small(1, 3));
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("-w-------"));
    assumeFalse(Files.isReadable(file), "this user may read everything");
    refused("AccessDeniedException");
  }

  @Test
  void swappedNamesAreNoticedByTheirChecksumsThoughTheHeadersIsRight() throws IOException {
    CheckpointFile.save(file, Samples.small(1, 3));
    String text = Files.readString(file, ISO_8859_1);
    int tensors = text.indexOf("\"},\"") + 1;
    String swapped =
        text.substring(tensors)
            .replace("exp_avg\"", "exp_avg_xx\"")
            .replace("exp_avg_sq\"", "exp_avg\"")
            .replace("exp_avg_xx\"", "exp_avg_sq\"");
    Files.write(file, Forgery.sealed((text.substring(0, tensors) + swapped).getBytes(ISO_8859_1)));
    refused("must have the checksum");
  }

  private void refused(String reason) {
    CheckpointException refusal =
        assertThrows(CheckpointException.class, () -> CheckpointFile.load(file));
    assertEquals(file, refusal.file());
    assertTrue(refusal.getMessage().startsWith(file + ": "), refusal::getMessage);
    assertTrue(refusal.getMessage().contains(reason), refusal::getMessage);
    try (Arena arena = Arena.ofConfined()) {
      assertThrows(CheckpointException.class, () -> CheckpointFile.map(file, arena));
    }
  }
}
