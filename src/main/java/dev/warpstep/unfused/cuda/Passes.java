package dev.warpstep.unfused.cuda;

/**
 * One operation on the arrays of all tensors, or of the one whose turn it is, in one pass over
 * memory. A rule is a sequence of these.
 */
public interface Passes extends AutoCloseable {
  /** Queues a rule's sequence: once for each tensor, or once for all. */
  void step(Runnable sequence);

  /** y = y + factor·x, rounded once. */
  void addScaled(TensorList y, float factor, TensorList x);

  /** state = factor·state + x, rounded once, small values flushed. */
  void decayAndAdd(TensorList state, float factor, TensorList x);

  /** average = decay·average + (1 − decay)·x, small values flushed. */
  void average(TensorList average, double decay, TensorList x);

  /** result = x². */
  void square(TensorList result, TensorList x);

  /** result = √x. */
  void squareRoot(TensorList result, TensorList x);

  /** y = y + term. */
  void add(TensorList y, float term);

  /** y = x / y. */
  void divideInto(TensorList y, TensorList x);

  /** y = factor·y. */
  void scale(TensorList y, float factor);

  /** Whether everything is rounded where the fused step rounds, so that bits are the same. */
  default boolean isExact() {
    return true;
  }

  /** Frees what the passes need; the lists stay. */
  @Override
  void close();
}
