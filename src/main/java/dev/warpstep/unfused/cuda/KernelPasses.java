package dev.warpstep.unfused.cuda;

import dev.warpstep.unfused.cuda.Kernels.Operation;

/** Every operation is one launch of a kernel of its own. */
abstract class KernelPasses implements Passes {
  /** Launches an operation on the arrays of a sequence's tensors. */
  abstract void launch(
      Operation operation, TensorList y, TensorList x, float factor, boolean fromOld);

  @Override
  public void addScaled(TensorList y, float factor, TensorList x) {
    launch(Operation.ADD_SCALED, y, x, factor, false);
  }

  @Override
  public void decayAndAdd(TensorList state, float factor, TensorList x) {
    launch(Operation.DECAY_AND_ADD, state, x, factor, false);
  }

  @Override
  public void average(TensorList average, double decay, TensorList x) {
    double weight = 1 - decay;
    boolean fromOld = weight < 0.5;
    launch(Operation.AVERAGE, average, x, (float) (fromOld ? weight : -decay), fromOld);
  }

  @Override
  public void square(TensorList result, TensorList x) {
    launch(Operation.SQUARE, result, x, 0, false);
  }

  @Override
  public void squareRoot(TensorList result, TensorList x) {
    launch(Operation.SQUARE_ROOT, result, x, 0, false);
  }

  @Override
  public void add(TensorList y, float term) {
    launch(Operation.ADD, y, y, term, false);
  }

  @Override
  public void divideInto(TensorList y, TensorList x) {
    launch(Operation.DIVIDE_INTO, y, x, 0, false);
  }

  @Override
  public void scale(TensorList y, float factor) {
    launch(Operation.SCALE, y, y, factor, false);
  }
}
