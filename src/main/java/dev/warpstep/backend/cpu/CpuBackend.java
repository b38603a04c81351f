package dev.warpstep.backend.cpu;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.DeviceStruct;
import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.PreparedNorm;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Replay;
import dev.warpstep.backend.ScalerState;
import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.backend.cpu.bindings.WarpstepNative;
import dev.warpstep.plan.StepPlan;
import java.util.List;
import java.util.Optional;

/** The processor: the best instruction set it has, and a team of threads. */
public final class CpuBackend implements Backend {
  /** Names the instruction set to use instead of the best one; the bits do not depend on it. */
  public static final String ISA_PROPERTY = "warpstep.cpu.isa";

  private static final int MOST_THREADS = 9_999;

  private final NativeLibrary library;
  private final NativeLibrary.Isa isa;
  private final int threads;
  private final ThreadTeam team;
  private volatile boolean closed;

  /**
   * @param threads how many threads a step uses, the caller's included; positive
   * @param isaName an instruction set, or empty for the best one
   * @throws IllegalArgumentException if {@code threads} is not positive, or the instruction set is
   *     unknown or not supported by this processor
   * @throws IllegalStateException if the library could not be loaded, with the cause
   */
  public CpuBackend(int threads, Optional<String> isaName) {
    if (threads < 1 || threads > MOST_THREADS) {
      throw new IllegalArgumentException(
          "threads must be in [1, %d], was %d".formatted(MOST_THREADS, threads));
    }
    this.library = NativeLibrary.get();
    this.isa = chooseIsa(library.isas(), isaName);
    this.threads = threads;
    this.team = new ThreadTeam(threads);
  }

  /** Why no CPU backend can be made here, if so. */
  public static Optional<Throwable> unavailabilityCause() {
    return NativeLibrary.unavailabilityCause();
  }

  /** Names of the instruction sets that this processor and the library have, worst first. */
  public static List<String> supportedIsas() {
    return NativeLibrary.get().isas().stream()
        .filter(NativeLibrary.Isa::supported)
        .map(NativeLibrary.Isa::name)
        .toList();
  }

  private static NativeLibrary.Isa chooseIsa(
      List<NativeLibrary.Isa> isas, Optional<String> isaName) {
    List<NativeLibrary.Isa> supported = isas.stream().filter(NativeLibrary.Isa::supported).toList();
    if (isaName.isEmpty()) {
      return supported.getLast();
    }
    return supported.stream()
        .filter(isa -> isa.name().equals(isaName.get()))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "%s must be one of %s, was %s"
                        .formatted(
                            ISA_PROPERTY,
                            supported.stream().map(NativeLibrary.Isa::name).toList(),
                            isaName.get())));
  }

  @Override
  public String description() {
    return "CPU, %s, %d %s".formatted(isa.name(), threads, threads == 1 ? "thread" : "threads");
  }

  @Override
  public Entry entry(String name) {
    checkOpen();
    return entryOf(name);
  }

  /**
   * A line of the table of entries, which the CPU library carries for every backend.
   *
   * @throws IllegalArgumentException if there is no such entry
   * @throws IllegalStateException if the library could not be loaded, with the cause
   */
  public static Entry entryOf(String name) {
    return NativeLibrary.get().entries().stream()
        .filter(entry -> entry.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("there is no kernel named " + name));
  }

  @Override
  public StoragePool newPool() {
    checkOpen();
    return new CpuPool();
  }

  @Override
  public Storage wrap(long address, ElementType type, long elementCount) {
    throw new IllegalArgumentException(
        "must be an array, buffer or segment on the CPU, was a device address");
  }

  @Override
  public boolean accepts(Storage storage) {
    return storage instanceof HostStorage;
  }

  @Override
  public Tables newTables() {
    checkOpen();
    return new CpuTables();
  }

  @Override
  public PreparedStep prepare(
      Entry entry,
      List<StepPlan.Tensor> tensors,
      List<TensorBinding> bindings,
      Tables tables,
      boolean countsStep) {
    checkOpen();
    return new CpuStep(
        this, team, isa.index(), entry, tensors, bindings, (CpuTables) tables, countsStep);
  }

  @Override
  public DeviceStruct newStruct(long sizeBytes) {
    checkOpen();
    return new HostStruct(sizeBytes);
  }

  @Override
  public void updateScaler(ScalerState scaler) {
    checkOpen();
    WarpstepNative.ws_update_scaler(scaler.struct().host());
  }

  @Override
  public PreparedNorm prepareNorm(
      List<StepPlan.Tensor> tensors, List<Storage> gradients, StepControl control) {
    checkOpen();
    return new CpuNorm(team, isa.index(), tensors, gradients, control);
  }

  @Override
  public Replay capture(Runnable work) {
    checkOpen();
    return new Replay() {
      @Override
      public void run() {
        work.run();
      }

      @Override
      public void close() {
        // Nothing was recorded.
      }
    };
  }

  /** Steps return when they are done. */
  @Override
  public void synchronize() {
    checkOpen();
  }

  int threads() {
    return threads;
  }

  void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the device is closed");
    }
  }

  @Override
  public boolean isClosed() {
    return closed;
  }

  @Override
  public void close() {
    closed = true;
    team.close();
  }
}
