package dev.warpstep.backend.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Loads JCuda's native code from a folder that only this user can enter.
 *
 * <p>Left alone, JCuda unpacks it under a fixed name in the shared temporary folder and loads
 * whatever lies there already, which any user of the machine may have put there; and on the module
 * path it does not find it at all. It asks for the temporary folder when it initialises, so it is
 * shown a private one for that moment, with the file from the jar in place. If the program itself
 * has used JCuda before, the harm is done and this changes nothing.
 */
public final class JCudaNatives {
  private static final String TEMPORARY_FOLDER = "java.io.tmpdir";

  private JCudaNatives() {}

  /**
   * Makes {@code jcuda.driver.JCudaDriver} usable.
   *
   * @throws IOException if the private folder cannot be written
   * @throws LinkageError if the native code or the driver's libcuda.so.1 cannot be loaded
   */
  static void load() throws IOException {
    load("jcuda.driver.JCudaDriver", "JCudaDriver");
  }

  /**
   * Makes {@code jcuda.jcublas.JCublas2} usable.
   *
   * @throws IOException if the private folder cannot be written
   * @throws LinkageError if JCublas is not on the class path, or its native code or libcublas.so.12
   *     cannot be loaded
   */
  public static void loadCublas() throws IOException {
    load("jcuda.jcublas.JCublas2", "JCublas2");
  }

  private static void load(String className, String libraryName) throws IOException {
    synchronized (JCudaNatives.class) {
      String shared = System.getProperty(TEMPORARY_FOLDER);
      Path folder =
          Files.createTempDirectory(
              "warpstep-",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      Path library = folder.resolve("lib%s-12.6.0-linux-x86_64.so".formatted(libraryName));
      try {
        copyTo(library);
        System.setProperty(TEMPORARY_FOLDER, folder.toString());
        Class.forName(className, true, JCudaNatives.class.getClassLoader());
      } catch (ClassNotFoundException e) {
        throw new NoClassDefFoundError(className);
      } finally {
        System.setProperty(TEMPORARY_FOLDER, shared);
        Files.deleteIfExists(library);
        Files.deleteIfExists(folder);
      }
    }
  }

  private static void copyTo(Path library) throws IOException {
    ClassLoader loader = JCudaNatives.class.getClassLoader();
    try (InputStream in = loader.getResourceAsStream("lib/" + library.getFileName())) {
      if (in == null) {
        throw new UnsatisfiedLinkError(
            "no %s on the class path or module path: JCuda's natives are missing"
                .formatted(library.getFileName()));
      }
      Files.write(library, in.readAllBytes(), StandardOpenOption.CREATE_NEW);
    }
  }
}
