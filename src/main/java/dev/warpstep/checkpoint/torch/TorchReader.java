package dev.warpstep.checkpoint.torch;

import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Reads what {@code torch.save(optimizer.state_dict(), file)} wrote, with PyTorch 1.6 or later.
 *
 * <pre>{@code
 * TorchState loaded = TorchReader.of(file).optimizer(adam).read();
 * adam.loadStateDict(loaded.stateDict());
 * }</pre>
 *
 * <p>PyTorch keeps state by position. Files have the parameters' names as well if the optimizer was
 * made of {@code model.named_parameters()} with PyTorch 2.6 or later; the names of all others come
 * from {@link #optimizer} or {@link #names}.
 *
 * <p>Nothing in a file is executed, and no class is looked up. Every byte is covered by a checksum
 * or compared with the zip file's directory. That a tensor has the bytes of another one is noticed
 * where their storages have another size: a checksum of PyTorch's knows bytes, not names.
 *
 * <p>Reading takes at most four times the file's size and 16 MiB of memory, native memory of the
 * tensors included, or the file is refused. What PyTorch writes takes the state itself and up to
 * 1.5 kB for each array. That is more than a file allows which has more than 15,000 parameters of
 * fewer than 40 elements with one array each, or more than 30,000 without any. An array that is not
 * in row-major order takes up to eight times its size meanwhile.
 */
public final class TorchReader {
  private static final int SUPPORTED_VERSION = 10;

  private final Path file;
  private List<String> keys = List.of();
  private List<List<String>> names = List.of();
  private boolean byPosition;
  private Optional<TorchOptimizer> optimizer = Optional.empty();

  private TorchReader(Path file) {
    this.file = Objects.requireNonNull(file, "file");
  }

  /** Of a file that is not opened yet. */
  public static TorchReader of(Path file) {
    return new TorchReader(file);
  }

  /**
   * Where the state dict is, in a file of {@code torch.save({"optimizer": optimizer.state_dict(),
   * ...}, file)}.
   *
   * @param path of keys, from the outermost dict on; without any the file is the state dict itself
   */
  public TorchReader key(String... path) {
    keys = List.of(path);
    return this;
  }

  /** Takes the kind of optimizer, and the names of parameters where the file has none. */
  public TorchReader optimizer(Optimizer of) {
    names =
        of.paramGroups().stream()
            .map(ParamGroup::parameters)
            .map(group -> group.stream().map(Parameter::name).toList())
            .toList();
    return optimizer(TorchOptimizer.of(of));
  }

  /** Whose state it must be; else it is what the settings in the file say. */
  public TorchReader optimizer(TorchOptimizer expected) {
    optimizer = Optional.of(expected);
    return this;
  }

  /** The names of parameters where the file has none: of each group, in the order of the file. */
  public TorchReader names(List<List<String>> ofGroups) {
    names = ofGroups.stream().map(List::copyOf).toList();
    return this;
  }

  /** Whether the given names hold even if the file has its own. */
  public TorchReader byPosition(boolean position) {
    byPosition = position;
    return this;
  }

  /**
   * Reads the file.
   *
   * @throws CheckpointException if it cannot be read, is damaged or no such file, has more than
   *     settings and state of one of the four optimizers, or does not fit the names that were
   *     given; or if there is not enough memory
   */
  public TorchState read() throws CheckpointException {
    // Not of a pipe, whose opening waits for a writer.
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new CheckpointException(
          file, Files.isDirectory(file) ? "is a directory" : "is no regular file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return read(new Source(file, channel, channel.size()));
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException e) {
      throw new CheckpointException(file, "read", e);
    } catch (OutOfMemoryError e) {
      throw new CheckpointException(file, "there is not enough memory: " + e.getMessage());
    }
  }

  private TorchState read(Source source) throws IOException {
    Budget budget = new Budget(source);
    ZipArchive archive = ZipArchive.open(source, budget);
    checkVersion(source, archive);
    ZipRecord pickle = archive.record("data.pkl");
    Object root = PickleReader.read(source, pickle, archive.bytes(pickle), budget);
    TensorLoader loader = new TensorLoader(source, archive, budget, order(source, archive));
    PickleDict stateDict = stateDict(source, pickle.name(), root);
    return new StateDictReader(source, loader, new Expectation(optimizer, names, byPosition))
        .read(stateDict);
  }

  private static void checkVersion(Source source, ZipArchive archive) throws IOException {
    String version = archive.text("version").map(String::strip).orElse("absent");
    if (!version.matches("[0-9]{1,2}")
        || Integer.parseInt(version) < 1
        || Integer.parseInt(version) > SUPPORTED_VERSION) {
      throw source.refuse("version", "must be 1 to %d, was %s", SUPPORTED_VERSION, version);
    }
  }

  private static ByteOrder order(Source source, ZipArchive archive) throws IOException {
    String order = archive.text("byteorder").orElse("little"); // absent before PyTorch 2.1
    return switch (order) {
      case "little" -> ByteOrder.LITTLE_ENDIAN;
      case "big" -> ByteOrder.BIG_ENDIAN;
      default -> throw source.refuse("byteorder", "must be little or big, was '%s'", order);
    };
  }

  private PickleDict stateDict(Source source, String entry, Object root)
      throws CheckpointException {
    Object value = root;
    for (String key : keys) {
      Object parent = value;
      value =
          value instanceof PickleDict dict
              ? dict.get(key).orElse(PickleNone.NONE)
              : PickleNone.NONE;
      if (value == PickleNone.NONE) {
        throw source.refuse(entry, "has no %s in %s; the keys are %s", key, keys, names(parent));
      }
    }
    if (!(value instanceof PickleDict dict)
        || dict.get("state").isEmpty()
        || dict.get("param_groups").isEmpty()) {
      throw source.refuse(
          entry, "has no state and param_groups at %s; the keys are %s", keys, names(value));
    }
    return dict;
  }

  private static List<String> names(Object value) {
    return value instanceof PickleDict dict ? dict.names() : List.of();
  }
}
