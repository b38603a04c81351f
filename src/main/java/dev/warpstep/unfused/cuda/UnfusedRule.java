package dev.warpstep.unfused.cuda;

import dev.warpstep.unfused.AdamScalars;
import java.util.List;

/** An update rule as a sequence of passes, the one of its namesake for the CPU. */
public sealed interface UnfusedRule {
  /** How many arrays of each tensor it needs besides values and gradients, temporaries included. */
  int arrays();

  /**
   * Queues one step of a sequence's tensors.
   *
   * @param step from 1
   * @param arrays as many as {@link #arrays}, zero before the first step
   */
  void update(
      Passes passes, long step, TensorList values, TensorList gradients, List<TensorList> arrays);

  /**
   * Stochastic gradient descent with momentum, in two passes.
   *
   * @param lr learning rate
   * @param momentum factor of the momentum buffer
   */
  record Momentum(double lr, double momentum) implements UnfusedRule {
    @Override
    public int arrays() {
      return 1;
    }

    @Override
    public void update(
        Passes passes,
        long step,
        TensorList values,
        TensorList gradients,
        List<TensorList> arrays) {
      TensorList buffer = arrays.getFirst();
      passes.decayAndAdd(buffer, (float) momentum, gradients);
      passes.addScaled(values, -(float) lr, buffer);
    }
  }

  /**
   * RMSprop without momentum, in six passes.
   *
   * @param lr learning rate
   * @param alpha decay of the average of squares
   * @param eps added to the denominator
   */
  record RMSprop(double lr, double alpha, double eps) implements UnfusedRule {
    @Override
    public int arrays() {
      return 2;
    }

    @Override
    public void update(
        Passes passes,
        long step,
        TensorList values,
        TensorList gradients,
        List<TensorList> arrays) {
      TensorList squareAverage = arrays.getFirst();
      TensorList temporary = arrays.getLast();
      passes.square(temporary, gradients);
      passes.average(squareAverage, alpha, temporary);
      passes.squareRoot(temporary, squareAverage);
      passes.add(temporary, (float) eps);
      passes.divideInto(temporary, gradients);
      passes.addScaled(values, -(float) lr, temporary);
    }
  }

  /**
   * Adam in seven passes.
   *
   * @param lr learning rate
   * @param beta1 decay of the first moment
   * @param beta2 decay of the second moment
   * @param eps added to the denominator
   */
  record Adam(double lr, double beta1, double beta2, double eps) implements UnfusedRule {
    @Override
    public int arrays() {
      return 3;
    }

    @Override
    public void update(
        Passes passes,
        long step,
        TensorList values,
        TensorList gradients,
        List<TensorList> arrays) {
      AdamScalars scalars = AdamScalars.of(step, lr, beta1, beta2, eps);
      TensorList first = arrays.get(0);
      TensorList second = arrays.get(1);
      TensorList temporary = arrays.get(2);
      passes.average(first, beta1, gradients);
      passes.square(temporary, gradients);
      passes.average(second, beta2, temporary);
      passes.squareRoot(temporary, second);
      passes.add(temporary, scalars.eps());
      passes.divideInto(temporary, first);
      passes.addScaled(values, -scalars.stepSize(), temporary);
    }
  }
}
