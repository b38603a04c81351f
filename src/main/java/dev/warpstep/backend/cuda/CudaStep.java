package dev.warpstep.backend.cuda;

import dev.warpstep.backend.Entry;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.TensorSums;
import dev.warpstep.backend.cuda.bindings.WsChunk;
import dev.warpstep.backend.cuda.bindings.WsLaunch;
import dev.warpstep.backend.cuda.bindings.WsTensor;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A step as one launch. Tensors, chunks and the blocks' ticket lie in one table on the device:
 *
 * <pre>
 *   | WsTensor[tensors] | WsChunk[chunks] | ticket |
 * </pre>
 *
 * Kernels are named after the rule and the format: {@code _f32} if all of it is fp32, {@code _f64},
 * and {@code _mixed} for everything else and for sums, which no {@code _f32} kernel has registers
 * for.
 */
final class CudaStep implements PreparedStep {
  /**
   * Chunks for each block that the device holds, so that the last round of blocks wastes little.
   */
  private static final int CHUNKS_PER_BLOCK = 4;

  private final CudaContext context;
  private final CudaModule module;
  private final KernelLauncher launcher;
  private final Entry entry;
  private final List<StepPlan.Tensor> tensors;
  private final CudaTables tables;
  private final int residentBlocks;
  private final boolean isDouble;
  private final Upload plan;
  private final MemorySegment arguments = WsLaunch.allocate(Arena.ofAuto());
  private final KernelLauncher.Launch launch;
  private Optional<CudaSums> sums = Optional.empty();

  CudaStep(
      CudaContext context,
      CudaModule module,
      KernelLauncher launcher,
      Entry entry,
      List<StepPlan.Tensor> tensors,
      List<TensorBinding> bindings,
      CudaTables tables,
      int multiprocessors,
      boolean countsStep) {
    this.context = context;
    this.module = module;
    this.launcher = launcher;
    this.entry = entry;
    this.tensors = List.copyOf(tensors);
    this.tables = tables;
    this.residentBlocks = multiprocessors * CudaModule.BLOCKS_PER_MULTIPROCESSOR;
    this.isDouble = bindings.stream().anyMatch(TensorBinding::isDouble);
    StepPlan cut = StepPlan.of(tensors, chunkElements(tensors, residentBlocks));
    long chunksAt = WsTensor.sizeof() * tensors.size();
    long ticketAt = chunksAt + WsChunk.sizeof() * cut.chunkCount();
    this.plan = new Upload(context, ticketAt + Long.BYTES);
    for (int i = 0; i < tensors.size(); i++) {
      writeTensor(
          WsTensor.asSlice(plan.host().asSlice(0, chunksAt), i), tensors.get(i), bindings.get(i));
    }
    writeChunks(plan.host().asSlice(chunksAt, ticketAt - chunksAt), cut);
    WsLaunch.tensors(arguments, plan.address());
    WsLaunch.chunks(arguments, plan.address() + chunksAt);
    WsLaunch.rows(arguments, tables.rowsAddress());
    WsLaunch.counters(arguments, tables.countersAddress());
    WsLaunch.ticket(arguments, plan.address() + ticketAt);
    WsLaunch.tensor_count(arguments, tensors.size());
    WsLaunch.chunk_count(arguments, cut.chunkCount());
    WsLaunch.control(arguments, tables.control().address());
    WsLaunch.counts_step(arguments, countsStep ? 1 : 0);
    boolean isFloat = bindings.stream().allMatch(TensorBinding::isFloat);
    int blocks = Math.clamp(cut.chunkCount(), 1, residentBlocks);
    try {
      this.launch =
          launcher.prepare(
              context,
              kernel(isDouble ? "_f64" : isFloat ? "_f32" : "_mixed"),
              blocks,
              0,
              arguments);
    } catch (RuntimeException e) {
      plan.close();
      throw e;
    }
  }

  private CudaModule.Kernel kernel(String format) {
    return module.kernel(entry.name() + format);
  }

  /** Chunks of whole tiles, small enough that a small model has one for every block. */
  static int chunkElements(List<StepPlan.Tensor> tensors, int residentBlocks) {
    long elements = tensors.stream().mapToLong(StepPlan.Tensor::elementCount).sum();
    long even = elements / ((long) residentBlocks * CHUNKS_PER_BLOCK);
    long tiles = Math.ceilDiv(even, CudaModule.TILE);
    return Math.clamp(tiles * CudaModule.TILE, CudaModule.TILE, CudaModule.LARGEST_CHUNK);
  }

  private static void writeTensor(
      MemorySegment tensor, StepPlan.Tensor planned, TensorBinding binding) {
    WsTensor.parameter(tensor, address(binding.parameter()));
    WsTensor.gradient(tensor, address(binding.gradient()));
    for (int i = 0; i < binding.states().size(); i++) {
      WsTensor.state(tensor, i, address(binding.states().get(i)));
    }
    WsTensor.average(tensor, binding.average().map(CudaStep::address).orElse(0L));
    WsTensor.master(tensor, binding.master().map(CudaStep::address).orElse(0L));
    binding.writeFormat(WsTensor.format(tensor));
    WsTensor.element_count(tensor, planned.elementCount());
    WsTensor.row(tensor, planned.row());
    WsTensor.counter(tensor, planned.counter());
  }

  static void writeChunks(MemorySegment chunks, StepPlan cut) {
    for (int i = 0; i < cut.chunkCount(); i++) {
      MemorySegment chunk = WsChunk.asSlice(chunks, i);
      WsChunk.begin(chunk, cut.chunkBegin(i));
      WsChunk.element_count(chunk, cut.chunkElements(i));
      WsChunk.tensor(chunk, cut.chunkTensor(i));
    }
  }

  static long address(Storage storage) {
    return ((CudaStorage) storage).address();
  }

  /** Constant work: closing a parameter makes its optimizers prepare again, and refuse. */
  @Override
  public void verify() {
    if (context.isClosed()) {
      throw new IllegalStateException("the device is closed");
    }
    context.driver().checkAlive();
  }

  @Override
  public void moveGradient(int tensor, Storage gradient) {
    long begin = WsTensor.sizeof() * tensor;
    WsTensor.gradient(plan.host().asSlice(begin), address(gradient));
    plan.touch(begin, begin + WsTensor.sizeof());
  }

  /** A launch of its own over the tiles of a reduction. */
  @Override
  public void prepareSums() {
    if (sums.isEmpty()) {
      sums =
          Optional.of(
              new CudaSums(
                  context,
                  launcher,
                  kernel(isDouble ? "_f64" : "_mixed"),
                  tensors,
                  arguments,
                  residentBlocks));
    }
  }

  @Override
  public List<TensorSums> sums() {
    return sums.orElseThrow().receive();
  }

  @Override
  public void send() {
    tables.beforeLaunch();
    plan.send();
    if (sums.isPresent()) {
      sums.get().send();
    }
  }

  @Override
  public List<String> run(boolean summed) {
    send();
    KernelLauncher.Launch next = summed ? sums.orElseThrow().launch() : launch;
    context.driver().check("cuLaunchKernel", next.launch());
    return List.of();
  }

  @Override
  public void close() {
    plan.close();
    sums.ifPresent(CudaSums::close);
  }
}
