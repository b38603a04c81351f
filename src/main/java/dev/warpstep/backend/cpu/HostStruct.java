package dev.warpstep.backend.cpu;

import dev.warpstep.backend.DeviceStruct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A struct in native memory, which the library reads and writes where the host does. */
final class HostStruct implements DeviceStruct {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;

  HostStruct(long sizeBytes) {
    memory = arena.allocate(sizeBytes, 64);
  }

  @Override
  public MemorySegment host() {
    return memory;
  }

  @Override
  public void touch(long beginByte, long endByte) {
    // It is the memory that the library reads.
  }

  @Override
  public void send() {
    // It is there.
  }

  @Override
  public void receive() {
    // It is here.
  }

  @Override
  public long address() {
    return memory.address();
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
