package dev.warpstep.unfused.cuda;

import dev.warpstep.unfused.AdamScalars;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.JCudaDriver;

/**
 * Adam in one hand-written kernel per tensor, launched through JCuda as its documentation does: a
 * pointer to a pointer for each of twelve arguments. What a launch costs that way.
 */
public final class TwelveArguments {
  private static final double LR = 1e-3;
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPS = 1e-8;

  private final CudaWorkplace workplace;
  private final CUfunction kernel;
  private final TensorList values;
  private final TensorList gradients;
  private final TensorList first;
  private final TensorList second;
  private long step;

  /**
   * Loads the kernel.
   *
   * @param first moments, zero before the first step, as the second
   * @throws dev.warpstep.error.CudaUnavailableException if the build made no kernels
   */
  public TwelveArguments(
      CudaWorkplace workplace,
      TensorList values,
      TensorList gradients,
      TensorList first,
      TensorList second) {
    this.workplace = workplace;
    this.kernel = Kernels.function(workplace, "adam_of_twelve_arguments");
    this.values = values;
    this.gradients = gradients;
    this.first = first;
    this.second = second;
  }

  /** Queues a step of every tensor, each with a launch of its own. */
  public void step() {
    step++;
    AdamScalars scalars = AdamScalars.of(step, LR, BETA1, BETA2, EPS);
    for (int tensor = 0; tensor < values.size(); tensor++) {
      launch(tensor, scalars);
    }
  }

  private void launch(int tensor, AdamScalars scalars) {
    long count = values.count(tensor);
    int blocks = Math.clamp(Math.ceilDiv(count, (long) Kernels.THREADS), 1, 65_535);
    Pointer arguments =
        Pointer.to(
            Pointer.to(values.array(tensor)),
            Pointer.to(gradients.array(tensor)),
            Pointer.to(first.array(tensor)),
            Pointer.to(second.array(tensor)),
            Pointer.to(new long[] {count}),
            Pointer.to(new float[] {scalars.stepSize()}),
            Pointer.to(new float[] {scalars.eps()}),
            Pointer.to(new float[] {(float) (1 - BETA1)}),
            Pointer.to(new int[] {1}),
            Pointer.to(new float[] {(float) (1 - BETA2)}),
            Pointer.to(new int[] {1}),
            Pointer.to(new float[] {0}));
    CudaWorkplace.check(
        "cuLaunchKernel",
        JCudaDriver.cuLaunchKernel(
            kernel, blocks, 1, 1, Kernels.THREADS, 1, 1, 0, workplace.stream(), arguments, null));
  }
}
