package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of files that only exist during a save, {@code .NAME.0123456789abcdef.tmp}. */
final class Temporaries {
  private static final System.Logger LOGGER = System.getLogger(Temporaries.class.getName());
  private static final Pattern NAME = Pattern.compile("(?s)\\.(.+)\\.[0-9a-f]{16}\\.(tmp|old)");

  /**
   * Those of this process. Its own locks cannot tell it, and asking for one would free the one that
   * is held.
   */
  private static final Set<Path> IN_USE = ConcurrentHashMap.newKeySet();

  private Temporaries() {}

  /** A new name for a write of a file. */
  static Path claim(Path target, String ending) {
    String name =
        ".%s.%016x.%s"
            .formatted(target.getFileName(), ThreadLocalRandom.current().nextLong(), ending);
    Path temporary = target.resolveSibling(name);
    IN_USE.add(temporary);
    return temporary;
  }

  /** The name is used no longer, its file is gone. */
  static void release(Path temporary) {
    IN_USE.remove(temporary);
  }

  /**
   * Removes what writers left that are dead now. One that cannot be removed is logged: the save
   * that is about to begin matters more.
   *
   * @param folder absolute, as the names that {@link #claim} gives
   * @param targets names of files whose temporaries are meant
   * @throws IOException if the folder cannot be read
   */
  static void clean(FileOperations system, Path folder, Predicate<String> targets)
      throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, ".*.{tmp,old}")) {
      for (Path file : files) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        if (name.matches() && targets.test(name.group(1)) && !IN_USE.contains(file)) {
          remove(system, file, name.group(2));
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
  }

  private static void remove(FileOperations system, Path file, String ending) {
    try {
      if (ending.equals("tmp")) {
        system.deleteUnlocked(file);
      } else {
        system.delete(file);
      }
    } catch (IOException e) {
      LOGGER.log(System.Logger.Level.WARNING, "cannot remove what a crash left: " + file, e);
    }
  }
}
