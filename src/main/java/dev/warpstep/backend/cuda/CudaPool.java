package dev.warpstep.backend.cuda;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.error.DeviceException;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.JCudaDriver;

/**
 * Device memory in slabs: an allocation of its own for each state array would cost about 50
 * microseconds, and a model has thousands. Slabs double from 2 MiB to 64 MiB; a larger array gets
 * one exactly as large.
 */
final class CudaPool implements StoragePool, CudaContext.Held {
  /** What cuMemAlloc aligns to, and more than the widest access needs. */
  private static final long ALIGNMENT_BYTES = 256;

  private static final long FIRST_SLAB_BYTES = 2L << 20;
  private static final long LARGEST_SLAB_BYTES = 64L << 20;

  private record Slab(CudaContext.Address address, long sizeBytes) {}

  private final CudaContext context;
  private final List<Slab> slabs = new ArrayList<>();
  private long slabBytes = FIRST_SLAB_BYTES;
  private long next;
  private long left;
  private boolean closed;

  CudaPool(CudaContext context) {
    this.context = context;
  }

  @Override
  public Storage allocate(ElementType type, long elementCount) {
    long sizeBytes = Math.multiplyExact(elementCount, (long) type.sizeBytes());
    long aligned = Math.ceilDiv(sizeBytes, ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    long address;
    if (aligned >= slabBytes) {
      address = newSlab(aligned);
    } else {
      if (aligned > left) {
        next = newSlab(slabBytes);
        left = slabBytes;
        slabBytes = Math.min(2 * slabBytes, LARGEST_SLAB_BYTES);
      }
      address = next;
      next += aligned;
      left -= aligned;
    }
    return new CudaStorage(context, address, type, elementCount, () -> !closed);
  }

  private long newSlab(long sizeBytes) {
    CudaContext.Address address = context.allocate(sizeBytes);
    try {
      context.call(
          "cuMemsetD8Async",
          () -> JCudaDriver.cuMemsetD8Async(address, (byte) 0, sizeBytes, context.stream()));
    } catch (DeviceException e) {
      context.free(address, sizeBytes);
      throw e;
    }
    slabs.add(new Slab(address, sizeBytes));
    context.hold(this);
    return address.value();
  }

  @Override
  public void close() {
    if (!closed && !slabs.isEmpty()) {
      context.letGo(this);
      // Whatever comes of it: on a lost device there is nothing to wait for, and closing must not
      // hide why it was lost.
      context.tidy(() -> JCudaDriver.cuStreamSynchronize(context.stream()));
      slabs.forEach(slab -> context.free(slab.address(), slab.sizeBytes()));
    }
    closed = true;
  }
}
