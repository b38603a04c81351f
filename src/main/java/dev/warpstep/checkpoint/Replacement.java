package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/** One write of {@link AtomicFile}: how far it got, and how to take it back. */
final class Replacement {
  private final FileOperations system;
  private final Path target;
  private String action = "read the folder of";
  private Path temporary;
  private Path old;
  private boolean hadOld;
  private boolean renamed;

  private interface Act {
    void run() throws IOException;
  }

  /**
   * @param target absolute
   */
  Replacement(FileOperations system, Path target) {
    this.system = system;
    this.target = target;
  }

  /** What was tried last, for messages. */
  String action() {
    return action;
  }

  /** Writes the content to the device, under another name. */
  void write(AtomicFile.Content content) throws IOException {
    String name = target.getFileName().toString();
    Temporaries.clean(system, target.getParent(), name::equals);
    action = "create a temporary file for";
    FileOperations.Output created = create();
    try (created) {
      action = "write";
      content.writeTo(created);
      action = "force";
      created.force();
      action = "close";
    }
  }

  private FileOperations.Output create() throws IOException {
    for (; ; ) {
      temporary = Temporaries.claim(target, "tmp");
      FileOperations.Output created = system.create(temporary);
      if (created != null) {
        return created;
      }
      Temporaries.release(temporary);
    }
  }

  /** Gives the file its name. */
  void commit() throws IOException {
    hadOld = Files.exists(target, LinkOption.NOFOLLOW_LINKS);
    if (hadOld) {
      linkOld();
    }
    action = "rename the temporary file to";
    system.rename(temporary, target);
    renamed = true;
    Temporaries.release(temporary);
    action = "force the folder of";
    system.forceFolder(target.getParent());
    if (old != null) {
      action = "remove the old version of";
      system.delete(old);
      Temporaries.release(old);
    }
  }

  /** Without hard links the rename cannot be taken back; what it leaves then is whole, too. */
  private void linkOld() {
    old = Temporaries.claim(target, "old");
    try {
      system.link(old, target);
    } catch (UnsupportedOperationException | IOException e) {
      Temporaries.release(old);
      old = null;
    }
  }

  /**
   * Everything as before.
   *
   * @param failure that led here; what fails now is added to it
   */
  void rollBack(Throwable failure) {
    if (renamed && old != null) {
      attempt(failure, () -> system.rename(old, target));
    } else if (renamed && !hadOld) {
      attempt(failure, () -> system.delete(target));
    } else if (old != null) {
      attempt(failure, () -> system.delete(old));
    }
    if (temporary != null && !renamed) {
      attempt(failure, () -> system.delete(temporary));
      Temporaries.release(temporary);
    }
    if (old != null) {
      Temporaries.release(old);
    }
  }

  private static void attempt(Throwable failure, Act act) {
    try {
      act.run();
    } catch (IOException e) {
      failure.addSuppressed(e);
    }
  }
}
