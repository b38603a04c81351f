package dev.warpstep.backend.cuda;

import dev.warpstep.backend.DeviceStruct;
import dev.warpstep.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.JCudaDriver;

/**
 * A table in device memory that the host fills. The host writes into a copy of its own; what it
 * wrote is sent before the next launch.
 *
 * <pre>
 *   host copy ──memcpy──► pinned ──DMA, in stream order──► device
 *   written at any time   written when the event behind the last DMA has passed
 * </pre>
 *
 * A host that runs further ahead than one upload waits for that event, and only then.
 */
final class Upload implements DeviceStruct, CudaContext.Held {
  private static final int EVENT_DISABLE_TIMING = 2;

  private final CudaContext context;
  private final long sizeBytes;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment host;
  private final CudaContext.Address device;
  private final Pointer pinned = new Pointer();
  private final CUevent sent = new CUevent();
  private boolean inFlight;
  private long dirtyBegin;
  private long dirtyEnd;

  /**
   * Allocates a table of zeros.
   *
   * @param sizeBytes positive
   * @throws DeviceException if the driver fails; nothing stays allocated
   */
  Upload(CudaContext context, long sizeBytes) {
    this.context = context;
    this.sizeBytes = sizeBytes;
    this.host = arena.allocate(sizeBytes, 64);
    this.dirtyEnd = sizeBytes;
    try {
      this.device = context.allocate(sizeBytes);
    } catch (DeviceException e) {
      arena.close();
      throw e;
    }
    try {
      context.call("cuEventCreate", () -> JCudaDriver.cuEventCreate(sent, EVENT_DISABLE_TIMING));
      try {
        context.call("cuMemHostAlloc", () -> JCudaDriver.cuMemHostAlloc(pinned, sizeBytes, 0));
      } catch (DeviceException e) {
        context.tidy(() -> JCudaDriver.cuEventDestroy(sent));
        throw e;
      }
    } catch (DeviceException e) {
      context.free(device, sizeBytes);
      arena.close();
      throw e;
    }
    context.hold(this);
  }

  @Override
  public long address() {
    return device.value();
  }

  @Override
  public MemorySegment host() {
    return host;
  }

  @Override
  public void touch(long beginByte, long endByte) {
    dirtyBegin = dirtyEnd == 0 ? beginByte : Math.min(dirtyBegin, beginByte);
    dirtyEnd = Math.max(dirtyEnd, endByte);
  }

  @Override
  public void send() {
    if (dirtyEnd == 0) {
      return;
    }
    long begin = dirtyBegin;
    long length = dirtyEnd - dirtyBegin;
    if (inFlight) {
      context.call("cuEventSynchronize", () -> JCudaDriver.cuEventSynchronize(sent));
      inFlight = false;
    }
    MemorySegment.copy(
        host, begin, MemorySegment.ofBuffer(pinned.getByteBuffer(0, sizeBytes)), begin, length);
    context.call(
        "cuMemcpyHtoDAsync",
        () ->
            JCudaDriver.cuMemcpyHtoDAsync(
                new CudaContext.Address(address() + begin),
                pinned.withByteOffset(begin),
                length,
                context.stream()));
    inFlight = true;
    context.call("cuEventRecord", () -> JCudaDriver.cuEventRecord(sent, context.stream()));
    dirtyBegin = 0;
    dirtyEnd = 0;
  }

  @Override
  public void receive() {
    send();
    context.call(
        "cuMemcpyDtoHAsync",
        () -> JCudaDriver.cuMemcpyDtoHAsync(pinned, device, sizeBytes, context.stream()));
    context.synchronize();
    host.copyFrom(MemorySegment.ofBuffer(pinned.getByteBuffer(0, sizeBytes)));
  }

  /** Frees everything, after what is queued; idempotent. */
  @Override
  public void close() {
    if (!arena.scope().isAlive()) {
      return;
    }
    arena.close();
    context.letGo(this);
    context.tidy(() -> JCudaDriver.cuStreamSynchronize(context.stream()));
    context.tidy(() -> JCudaDriver.cuMemFreeHost(pinned));
    context.tidy(() -> JCudaDriver.cuEventDestroy(sent));
    context.free(device, sizeBytes);
  }
}
