package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** What a save asks of the file system: a seam, so that each of it can be made to fail. */
interface FileOperations {
  /** The real file system. */
  FileOperations SYSTEM = new FileOperations() {};

  /** A file that is being written. */
  interface Output extends SeekableByteChannel {
    /** Waits until everything written is on the device. */
    void force() throws IOException;
  }

  /**
   * Creates a file and locks it, so that others see that its writer lives.
   *
   * @return null if somebody took it for a dead one's before it was locked
   */
  default Output create(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    // The lock ends with the channel, and with the process however that ends.
    try {
      if (isLocked(channel) && Files.exists(file)) {
        return new ChannelOutput(channel);
      }
    } catch (RuntimeException | Error e) {
      channel.close();
      throw e;
    }
    channel.close();
    return null;
  }

  private static boolean isLocked(FileChannel channel) {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // a thread of this process is about to remove it
    } catch (IOException e) {
      return true; // a file system without locks: nobody will be able to tell that it is dead
    }
  }

  /**
   * Deletes a file if its writer is dead.
   *
   * @return whether it was
   */
  default boolean deleteUnlocked(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      if (channel.tryLock() == null) {
        return false;
      }
      Files.deleteIfExists(file);
      return true;
    } catch (OverlappingFileLockException e) {
      return false;
    } catch (NoSuchFileException e) {
      return true;
    }
  }

  /** Makes a folder; there may be one already. */
  default void createFolder(Path folder) throws IOException {
    try {
      Files.createDirectory(folder);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(folder)) {
        throw e;
      }
    }
  }

  /** Gives a file a second name. */
  default void link(Path name, Path file) throws IOException {
    Files.createLink(name, file);
  }

  /** Renames in one step; what had the name before is replaced. */
  default void rename(Path from, Path to) throws IOException {
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Waits until the folder's names are on the device. */
  default void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  /** Deletes a file if it is there. */
  default void delete(Path file) throws IOException {
    Files.deleteIfExists(file);
  }

  /** A file of the system. */
  record ChannelOutput(FileChannel channel) implements Output {
    @Override
    public void force() throws IOException {
      channel.force(true);
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      return channel.write(source);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      return channel.read(target);
    }

    @Override
    public long position() throws IOException {
      return channel.position();
    }

    @Override
    public SeekableByteChannel position(long position) throws IOException {
      channel.position(position);
      return this;
    }

    @Override
    public long size() throws IOException {
      return channel.size();
    }

    @Override
    public SeekableByteChannel truncate(long size) throws IOException {
      channel.truncate(size);
      return this;
    }

    @Override
    public boolean isOpen() {
      return channel.isOpen();
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
