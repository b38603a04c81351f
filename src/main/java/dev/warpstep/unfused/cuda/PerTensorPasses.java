package dev.warpstep.unfused.cuda;

import dev.warpstep.unfused.cuda.Kernels.Form;
import dev.warpstep.unfused.cuda.Kernels.Operation;
import jcuda.Pointer;

/** A launch per operation and tensor: for each tensor the whole sequence, then the next. */
public class PerTensorPasses extends KernelPasses {
  private final Kernels kernels;
  private final int tensors;
  private int tensor;

  /**
   * Loads the kernels.
   *
   * @param tensors how many there are in each list
   * @throws dev.warpstep.error.CudaUnavailableException if the build made no kernels
   */
  public PerTensorPasses(CudaWorkplace workplace, int tensors) {
    this.kernels = new Kernels(workplace, Form.TENSOR);
    this.tensors = tensors;
  }

  @Override
  public final void step(Runnable sequence) {
    for (tensor = 0; tensor < tensors; tensor++) {
      sequence.run();
    }
  }

  /** Whose turn it is. */
  protected final int tensor() {
    return tensor;
  }

  @Override
  final void launch(
      Operation operation, TensorList y, TensorList x, float factor, boolean fromOld) {
    long count = y.count(tensor);
    if (count > 0) {
      kernels.launch(
          operation,
          kernels.blocksFor(count),
          Pointer.to(y.array(tensor)),
          Pointer.to(x.array(tensor)),
          Pointer.to(new long[] {count}),
          Pointer.to(new float[] {factor}),
          Pointer.to(new int[] {fromOld ? 1 : 0}));
    }
  }

  @Override
  public void close() {
    // The workplace unloads the kernels.
  }
}
