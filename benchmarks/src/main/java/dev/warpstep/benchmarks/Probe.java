package dev.warpstep.benchmarks;

import dev.warpstep.backend.Entry;
import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.cpu.CpuBackend;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The ceiling: the traversal of the library with a rule that computes nothing. It reads four arrays
 * and writes three, as Adam does, with the same threads, chunks and kind of memory; the values only
 * change places, so they stay normal numbers. Reads the gradients of the contender it is paired
 * with.
 */
final class Probe implements Contender {
  private static final int BYTES_PER_PARAMETER = 28;

  private final CpuBackend backend;
  private final StoragePool pool;
  private final Tables tables;
  private final PreparedStep step;

  Probe(Gradients gradients, Memory memory, int threads) {
    this.backend =
        new CpuBackend(threads, Optional.ofNullable(System.getProperty(CpuBackend.ISA_PROPERTY)));
    this.pool = backend.newPool();
    this.tables = backend.newTables();
    Entry entry = backend.entry("stream");
    float[] tile = Rows.NORMAL.tile();
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    List<TensorBinding> bindings = new ArrayList<>();
    for (MemorySegment gradient : gradients.tensors()) {
      int size = Math.toIntExact(gradient.byteSize() / Float.BYTES);
      Storage parameter =
          switch (memory) {
            case NATIVE -> pool.allocate(size);
            case HEAP -> HostStorage.wrap(MemorySegment.ofArray(new float[size]));
          };
      List<Storage> states = entry.states().stream().map(name -> pool.allocate(size)).toList();
      MemorySegment values = MemorySegment.ofArray(repeated(tile, size));
      Stream.concat(Stream.of(parameter), states.stream()).forEach(s -> s.copyFrom(values));
      tensors.add(new StepPlan.Tensor(size, 0, tensors.size()));
      bindings.add(
          new TensorBinding(
              "probe" + bindings.size(), parameter, HostStorage.wrap(gradient), states));
    }
    tables.grow(1, tensors.size());
    this.step = backend.prepare(entry, tensors, bindings, tables);
  }

  private static float[] repeated(float[] tile, int size) {
    float[] values = Arrays.copyOf(tile, size);
    for (int done = tile.length; done < size; done += tile.length) {
      System.arraycopy(tile, 0, values, done, Math.min(tile.length, size - done));
    }
    return values;
  }

  @Override
  public void step() {
    step.run();
  }

  @Override
  public int bytesPerParameter() {
    return BYTES_PER_PARAMETER;
  }

  @Override
  public void close() {
    step.close();
    tables.close();
    pool.close();
    backend.close();
  }
}
