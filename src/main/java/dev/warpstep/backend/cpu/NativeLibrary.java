package dev.warpstep.backend.cpu;

import dev.warpstep.backend.Entry;
import dev.warpstep.backend.cpu.bindings.WarpstepNative;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The CPU library of this platform, loaded at most once per class loader.
 *
 * <p>It is taken from the jar, compared with the checksum written when it was built, copied into a
 * folder that only this user can enter, loaded, and deleted again. {@code -Dwarpstep.native.dir}
 * names another parent than the temporary folder, for machines that mount that one {@code noexec}.
 */
final class NativeLibrary {
  static final String DIRECTORY_PROPERTY = "warpstep.native.dir";

  /** Best instruction set last. */
  private final List<Isa> isas;

  private final List<Entry> entries;

  /** An instruction set that the library was compiled for. */
  record Isa(int index, String name, boolean supported) {}

  /** What came of loading: a library, or the reason why there is none. */
  private record Outcome(Optional<NativeLibrary> library, Optional<Throwable> cause) {}

  private static final class Holder {
    static final Outcome OUTCOME = load();

    private static Outcome load() {
      try {
        return new Outcome(Optional.of(new NativeLibrary()), Optional.empty());
      } catch (IllegalCallerException e) {
        return new Outcome(
            Optional.empty(),
            Optional.of(
                new IllegalCallerException(
                    "native access is denied: run with --enable-native-access=dev.warpstep, or"
                        + " ALL-UNNAMED on the class path",
                    e)));
      } catch (IOException | RuntimeException | LinkageError e) {
        return new Outcome(Optional.empty(), Optional.of(e));
      }
    }
  }

  private NativeLibrary() throws IOException {
    load(platform());
    if (WarpstepNative.ws_abi_version() != WarpstepNative.WS_ABI_VERSION()) {
      throw new UnsatisfiedLinkError(
          "the CPU library has ABI version %d, this jar needs %d"
              .formatted(WarpstepNative.ws_abi_version(), WarpstepNative.WS_ABI_VERSION()));
    }
    List<Isa> foundIsas = new ArrayList<>();
    for (int i = 0; i < WarpstepNative.ws_isa_count(); i++) {
      String name = text(WarpstepNative.ws_isa_name(i));
      foundIsas.add(new Isa(i, name, WarpstepNative.ws_isa_supported(i) == 1));
    }
    List<Entry> foundEntries = new ArrayList<>();
    for (int i = 0; i < WarpstepNative.ws_entry_count(); i++) {
      foundEntries.add(
          new Entry(
              i,
              text(WarpstepNative.ws_entry_name(i)),
              names(WarpstepNative.ws_entry_states(i)),
              names(WarpstepNative.ws_entry_hyper(i))));
    }
    isas = List.copyOf(foundIsas);
    entries = List.copyOf(foundEntries);
  }

  /** Why there is no library here, if there is none. */
  static Optional<Throwable> unavailabilityCause() {
    return Holder.OUTCOME.cause();
  }

  /**
   * @throws IllegalStateException if the library could not be loaded, with the cause
   */
  static NativeLibrary get() {
    return Holder.OUTCOME
        .library()
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "the CPU library is not available", Holder.OUTCOME.cause().orElseThrow()));
  }

  List<Isa> isas() {
    return isas;
  }

  List<Entry> entries() {
    return entries;
  }

  /** {@code linux-x86_64} and the like, as the build names its folders. */
  private static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return (os.startsWith("linux") ? "linux" : os.replaceAll("\\s.*", ""))
        + "-"
        + (arch.equals("amd64") ? "x86_64" : arch);
  }

  private static void load(String platform) throws IOException {
    String resource = "/dev/warpstep/native/" + platform + "/libwarpstep.so";
    byte[] library;
    byte[] checksum;
    try (InputStream in = NativeLibrary.class.getResourceAsStream(resource);
        InputStream sum = NativeLibrary.class.getResourceAsStream(resource + ".sha256")) {
      if (in == null || sum == null) {
        throw new UnsupportedOperationException(
            "no CPU library for %s in this jar; linux-x86_64 is shipped, linux-aarch64 builds from source"
                .formatted(platform));
      }
      library = in.readAllBytes();
      checksum = sum.readAllBytes();
    }
    verify(library, new String(checksum, StandardCharsets.US_ASCII).strip(), resource);
    loadFromPrivateFolder(library);
  }

  static void verify(byte[] library, String expected, String resource) throws IOException {
    String actual;
    try {
      actual = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(library));
    } catch (NoSuchAlgorithmException e) {
      throw new IOException("this Java runtime has no SHA-256", e);
    }
    if (!actual.equals(expected)) {
      throw new IOException(
          "%s is damaged: its SHA-256 is %s, the build wrote %s"
              .formatted(resource, actual, expected));
    }
  }

  private static void loadFromPrivateFolder(byte[] library) throws IOException {
    Path parent =
        Path.of(System.getProperty(DIRECTORY_PROPERTY, System.getProperty("java.io.tmpdir")));
    try {
      loadFromFolderIn(parent, library);
    } catch (IOException | UnsatisfiedLinkError e) {
      throw new IOException(
          "the CPU library cannot be written to or loaded from a folder in %s; -D%s names another: %s"
              .formatted(parent, DIRECTORY_PROPERTY, e),
          e);
    }
  }

  @SuppressWarnings("restricted") // loading is what this class is for
  private static void loadFromFolderIn(Path parent, byte[] library) throws IOException {
    Path folder =
        Files.createTempDirectory(
            parent,
            "warpstep-",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    Path file = folder.resolve("libwarpstep.so");
    try {
      Files.write(file, library, StandardOpenOption.CREATE_NEW);
      System.load(file.toAbsolutePath().toString());
    } finally {
      // A loaded library stays mapped without its name.
      Files.deleteIfExists(file);
      Files.deleteIfExists(folder);
    }
  }

  private static String text(MemorySegment cString) {
    return cString.getString(0);
  }

  private static List<String> names(MemorySegment commaSeparated) {
    String joined = text(commaSeparated);
    return joined.isEmpty() ? List.of() : Arrays.asList(joined.split(","));
  }
}
