package dev.warpstep.backend;

import dev.warpstep.plan.StepPlan;
import java.util.List;

/** A place where update kernels run. Closing it is idempotent; afterwards every call throws. */
public interface Backend extends AutoCloseable {
  /** For people: the kind of device and what was chosen on it. */
  String description();

  /**
   * Looks up a kernel by name.
   *
   * @throws IllegalArgumentException if there is none
   */
  Entry entry(String name);

  /** New memory, nothing allocated yet. */
  StoragePool newPool();

  /**
   * Uses device memory of the caller, without copying.
   *
   * @param address of the first value
   * @param type of the elements
   * @param elementCount number of elements
   * @throws IllegalArgumentException if the address is null, misaligned, not in memory of this
   *     device, or its allocation ends before the last value; or if the device has no memory of its
   *     own
   */
  Storage wrap(long address, ElementType type, long elementCount);

  /** Whether a storage is in memory that this backend's kernels can use. */
  boolean accepts(Storage storage);

  /** New tables, empty. */
  Tables newTables();

  /**
   * A new struct, all zero.
   *
   * @param sizeBytes positive
   */
  DeviceStruct newStruct(long sizeBytes);

  /** Updates a gradient scale after the steps that used it. */
  void updateScaler(ScalerState scaler);

  /**
   * Prepares a norm pass.
   *
   * @param tensors whose gradients are read, in this order
   * @param gradients one for each tensor
   * @param control what the pass follows and writes
   */
  PreparedNorm prepareNorm(
      List<StepPlan.Tensor> tensors, List<Storage> gradients, StepControl control);

  /**
   * Prepares a step.
   *
   * @param tensors what to update, in this order
   * @param bindings one for each tensor; all of them fp64, or none
   * @param tables rows and counters that the tensors refer to
   * @param countsStep whether a run of it is the end of a step that rounds stochastically
   */
  PreparedStep prepare(
      Entry entry,
      List<StepPlan.Tensor> tensors,
      List<TensorBinding> bindings,
      Tables tables,
      boolean countsStep);

  /**
   * Records what steps and norm passes give to the device, without doing it. Where there is nothing
   * to be saved by recording, a replay does the work again.
   *
   * @param work runs prepared steps and passes that have sent everything
   */
  Replay capture(Runnable work);

  /** Waits until all work given so far is done. */
  void synchronize();

  /** Whether {@link #close} was called. */
  boolean isClosed();

  @Override
  void close();
}
