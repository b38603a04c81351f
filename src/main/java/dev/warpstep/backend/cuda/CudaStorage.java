package dev.warpstep.backend.cuda;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.MemoryRange;
import dev.warpstep.backend.Storage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Elements in device memory.
 *
 * @param context of the device
 * @param address of the first element, divisible by its size
 * @param type of the elements
 * @param elementCount number of elements
 * @param alive whether the memory has not been freed, as far as that is known
 */
record CudaStorage(
    CudaContext context, long address, ElementType type, long elementCount, BooleanSupplier alive)
    implements Storage {
  /**
   * Host memory is copied through a buffer of this size: heap arrays cannot be given to the driver.
   */
  private static final int STAGING_BYTES = 4 << 20;

  @Override
  public OptionalLong deviceAddress() {
    return OptionalLong.of(address);
  }

  @Override
  public boolean isAlive() {
    return !context.isClosed() && alive.getAsBoolean();
  }

  @Override
  public boolean isSameMemory(Storage other) {
    return other instanceof CudaStorage cuda
        && cuda.address == address
        && cuda.type == type
        && cuda.elementCount == elementCount;
  }

  @Override
  public MemoryRange range() {
    return new MemoryRange(CudaStorage.class, address, address + sizeBytes());
  }

  @Override
  public void copyTo(MemorySegment destination) {
    inPieces(
        destination,
        (offset, piece, staging) -> {
          transfer("cuMemcpyDtoHAsync", offset, staging, piece.byteSize(), false);
          MemorySegment.copy(MemorySegment.ofBuffer(staging), 0, piece, 0, piece.byteSize());
        });
  }

  @Override
  public void copyFrom(MemorySegment source) {
    inPieces(
        source,
        (offset, piece, staging) -> {
          MemorySegment.copy(piece, 0, MemorySegment.ofBuffer(staging), 0, piece.byteSize());
          transfer("cuMemcpyHtoDAsync", offset, staging, piece.byteSize(), true);
        });
  }

  @Override
  public void fillZero() {
    checkAlive();
    if (elementCount > 0) {
      context.call(
          "cuMemsetD8Async",
          () ->
              JCudaDriver.cuMemsetD8Async(
                  new CudaContext.Address(address), (byte) 0, sizeBytes(), context.stream()));
    }
  }

  private void checkAlive() {
    if (!isAlive()) {
      throw new IllegalStateException("memory is already freed");
    }
  }

  private interface Piece {
    void copy(long offset, MemorySegment piece, ByteBuffer staging);
  }

  private void inPieces(MemorySegment host, Piece copy) {
    checkAlive();
    long sizeBytes = sizeBytes();
    try (Arena arena = Arena.ofConfined()) {
      ByteBuffer staging = arena.allocate(Math.min(sizeBytes, STAGING_BYTES), 64).asByteBuffer();
      for (long offset = 0; offset < sizeBytes; offset += STAGING_BYTES) {
        long length = Math.min(STAGING_BYTES, sizeBytes - offset);
        copy.copy(offset, host.asSlice(offset, length), staging);
      }
    }
  }

  private void transfer(
      String name, long offset, ByteBuffer staging, long sizeBytes, boolean toDevice) {
    CudaContext.Address device = new CudaContext.Address(address + offset);
    Pointer host = Pointer.toBuffer(staging);
    IntSupplier call =
        toDevice
            ? () -> JCudaDriver.cuMemcpyHtoDAsync(device, host, sizeBytes, context.stream())
            : () -> JCudaDriver.cuMemcpyDtoHAsync(host, device, sizeBytes, context.stream());
    context.call(name, call);
    context.synchronize();
  }

  @Override
  public String toString() {
    return "%d %s values at device address 0x%x".formatted(elementCount, type, address);
  }
}
