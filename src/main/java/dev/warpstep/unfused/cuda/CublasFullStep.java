package dev.warpstep.unfused.cuda;

import dev.warpstep.unfused.UnfusedFullStep.Settings;

/**
 * {@link dev.warpstep.unfused.UnfusedFullStep} on a CUDA device, tensor by tensor with cuBLAS. The
 * norm of each tensor is waited for, since the clipping depends on all of them.
 */
public final class CublasFullStep implements AutoCloseable {
  private final CudaWorkplace workplace;
  private final CublasPasses passes;
  private final TensorList values;
  private final TensorList gradients;
  private final TensorList averages;
  private final Settings settings;
  private final CudaUnfusedOptimizer adam;
  private double sum;

  /** The first values are the average's first. */
  private boolean averaged;

  /**
   * A step over tensors, which stay the caller's.
   *
   * @param passes closed by the caller, after this
   */
  public CublasFullStep(
      CudaWorkplace workplace,
      CublasPasses passes,
      TensorList values,
      TensorList gradients,
      Settings settings) {
    this.workplace = workplace;
    this.passes = passes;
    this.values = values;
    this.gradients = gradients;
    this.settings = settings;
    this.averages = TensorList.zeros(workplace, values.counts());
    this.adam =
        new CudaUnfusedOptimizer(
            workplace,
            new UnfusedRule.Adam(settings.lr(), Settings.BETA1, Settings.BETA2, Settings.EPS),
            values,
            gradients);
  }

  /** The moving averages of the values. */
  public TensorList averages() {
    return averages;
  }

  /**
   * Does it; the last operations are queued.
   *
   * @return the norm of the unscaled gradients
   */
  public double step() {
    sum = 0;
    passes.step(
        () -> {
          passes.scale(gradients, settings.unscale());
          double norm = passes.norm(gradients);
          sum += norm * norm;
        });
    double norm = Math.sqrt(sum);
    if (Double.isFinite(norm)) {
      passes.step(
          () -> {
            passes.scale(gradients, settings.clip(norm));
            passes.scale(values, settings.decay());
          });
      adam.step(passes);
    }
    if (averaged) {
      passes.step(() -> passes.average(averages, settings.averageDecay(), values));
    } else {
      averages.copyFrom(values);
      averaged = true;
    }
    for (int i = 0; i < gradients.size(); i++) {
      if (gradients.count(i) > 0) {
        workplace.clear(gradients.array(i), Float.BYTES * gradients.count(i));
      }
    }
    return norm;
  }

  @Override
  public void close() {
    adam.close();
    averages.close();
  }
}
