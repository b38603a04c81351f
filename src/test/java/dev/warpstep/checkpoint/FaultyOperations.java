package dev.warpstep.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The file system, of which one operation fails. */
final class FaultyOperations implements FileOperations {
  private final int failing;
  private final List<String> operations = new ArrayList<>();

  /**
   * @param failing which operation fails, counted from 0; none if negative
   */
  FaultyOperations(int failing) {
    this.failing = failing;
  }

  /** What was done, the last of it failed. */
  List<String> operations() {
    return operations;
  }

  private void next(String operation) throws IOException {
    operations.add(operation);
    if (operations.size() - 1 == failing) {
      throw new IOException("no space left for " + operation);
    }
  }

  @Override
  public Output create(Path file) throws IOException {
    next("create");
    return new FaultyOutput(FileOperations.super.create(file));
  }

  @Override
  public boolean deleteUnlocked(Path file) throws IOException {
    next("deleteUnlocked");
    return FileOperations.super.deleteUnlocked(file);
  }

  @Override
  public void link(Path name, Path file) throws IOException {
    next("link");
    FileOperations.super.link(name, file);
  }

  @Override
  public void rename(Path from, Path to) throws IOException {
    next("rename");
    FileOperations.super.rename(from, to);
  }

  @Override
  public void forceFolder(Path folder) throws IOException {
    next("forceFolder");
    FileOperations.super.forceFolder(folder);
  }

  @Override
  public void delete(Path file) throws IOException {
    next("delete");
    FileOperations.super.delete(file);
  }

  private final class FaultyOutput implements Output {
    private final Output output;

    FaultyOutput(Output output) {
      this.output = output;
    }

    @Override
    public void force() throws IOException {
      next("force");
      output.force();
    }

    /** Half of it is written before it fails, as on a full disk. */
    @Override
    public int write(ByteBuffer source) throws IOException {
      int limit = source.limit();
      source.limit(source.position() + Math.ceilDiv(source.remaining(), 2));
      int count = output.write(source);
      source.limit(limit);
      next("write");
      return count;
    }

    @Override
    public SeekableByteChannel position(long position) throws IOException {
      next("position");
      output.position(position);
      return this;
    }

    @Override
    public void close() throws IOException {
      output.close();
      next("close");
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
      return output.read(target);
    }

    @Override
    public long position() throws IOException {
      return output.position();
    }

    @Override
    public long size() throws IOException {
      return output.size();
    }

    @Override
    public SeekableByteChannel truncate(long size) throws IOException {
      output.truncate(size);
      return this;
    }

    @Override
    public boolean isOpen() {
      return output.isOpen();
    }
  }
}
