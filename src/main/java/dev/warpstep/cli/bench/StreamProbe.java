package dev.warpstep.cli.bench;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The ceiling: the traversal of the library with a rule that computes nothing. It reads four arrays
 * and writes three, as Adam does, with the same threads, chunks and kind of memory; the values only
 * change places, so they stay normal numbers.
 */
public final class StreamProbe implements Contender {
  private static final int ARRAYS_MOVED = 7;

  private final Backend backend;
  private final StoragePool pool;
  private final Tables tables;
  private final PreparedStep step;
  private final long bytes;

  /**
   * Allocates.
   *
   * @param backend closed with this
   * @param sizes elements of each tensor
   * @param heap whether all but the states are arrays of the Java heap, as a caller's may be
   */
  public StreamProbe(Backend backend, List<Long> sizes, boolean heap) {
    this.backend = backend;
    this.pool = backend.newPool();
    this.tables = backend.newTables();
    this.bytes = sizes.stream().mapToLong(size -> ARRAYS_MOVED * Float.BYTES * size).sum();
    Entry entry = backend.entry("stream");
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    List<TensorBinding> bindings = new ArrayList<>();
    for (long size : sizes) {
      MemorySegment values =
          MemorySegment.ofArray(Values.repeated(Values.tile(), Math.toIntExact(size)));
      Storage parameter = filled(values, heap);
      Storage gradient = filled(values, heap);
      List<Storage> states = entry.states().stream().map(name -> filled(values, false)).toList();
      tensors.add(new StepPlan.Tensor(size, 0, tensors.size()));
      bindings.add(new TensorBinding("probe" + bindings.size(), parameter, gradient, states));
    }
    tables.grow(1, tensors.size());
    this.step = backend.prepare(entry, tensors, bindings, tables, false);
  }

  private Storage filled(MemorySegment values, boolean heap) {
    long size = values.byteSize() / Float.BYTES;
    Storage storage =
        heap
            ? HostStorage.wrap(MemorySegment.ofArray(new float[(int) size]), ElementType.FLOAT32)
            : pool.allocate(ElementType.FLOAT32, size);
    storage.copyFrom(values);
    return storage;
  }

  @Override
  public void step() {
    step.run(false);
  }

  @Override
  public long bytesPerStep() {
    return bytes;
  }

  @Override
  public void close() {
    step.close();
    tables.close();
    pool.close();
    backend.close();
  }
}
