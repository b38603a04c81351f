package dev.warpstep.unfused.cuda;

import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/**
 * What cuBLAS has goes through it, {@code scal}, {@code axpy} and {@code nrm2}, the rest through a
 * kernel for each operation; all tensor by tensor. Needs libcublas.so.12.
 */
public final class CublasPasses extends PerTensorPasses {
  private final cublasHandle handle = new cublasHandle();

  /**
   * Loads the kernels.
   *
   * @throws IllegalStateException if cuBLAS fails
   * @throws LinkageError if JCublas or libcublas.so.12 is missing
   */
  public CublasPasses(CudaWorkplace workplace, long[] counts) {
    super(workplace, counts.length);
    check("cublasCreate", JCublas2.cublasCreate(handle));
    check(
        "cublasSetStream", JCublas2.cublasSetStream(handle, new cudaStream_t(workplace.stream())));
  }

  private static void check(String call, int status) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException(call + ": " + cublasStatus.stringFor(status));
    }
  }

  /** y = y + factor·x. */
  private void axpy(TensorList y, float factor, TensorList x) {
    int count = Math.toIntExact(y.count(tensor()));
    if (count > 0) {
      check(
          "cublasSaxpy",
          JCublas2.cublasSaxpy(
              handle,
              count,
              Pointer.to(new float[] {factor}),
              x.array(tensor()),
              1,
              y.array(tensor()),
              1));
    }
  }

  /** √Σx² of the tensor whose turn it is; waits for it. */
  public float norm(TensorList x) {
    int count = Math.toIntExact(x.count(tensor()));
    float[] norm = {0};
    if (count > 0) {
      check(
          "cublasSnrm2",
          JCublas2.cublasSnrm2(handle, count, x.array(tensor()), 1, Pointer.to(norm)));
    }
    return norm[0];
  }

  @Override
  public boolean isExact() {
    return false;
  }

  @Override
  public void addScaled(TensorList y, float factor, TensorList x) {
    axpy(y, factor, x);
  }

  @Override
  public void scale(TensorList y, float factor) {
    int count = Math.toIntExact(y.count(tensor()));
    if (count > 0) {
      check(
          "cublasSscal",
          JCublas2.cublasSscal(
              handle, count, Pointer.to(new float[] {factor}), y.array(tensor()), 1));
    }
  }

  @Override
  public void decayAndAdd(TensorList state, float factor, TensorList x) {
    scale(state, factor);
    axpy(state, 1, x);
  }

  @Override
  public void average(TensorList average, double decay, TensorList x) {
    scale(average, (float) decay);
    axpy(average, (float) (1 - decay), x);
  }

  @Override
  public void close() {
    check("cublasDestroy", JCublas2.cublasDestroy(handle));
    super.close();
  }
}
