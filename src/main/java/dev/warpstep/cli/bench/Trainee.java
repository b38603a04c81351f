package dev.warpstep.cli.bench;

/** A contender that updates the tensors of a model. */
public interface Trainee extends Contender {
  /** A copy of a tensor's values, when every step so far is done. */
  float[] values(int tensor);

  /** Whether the values are the fused step's to the last bit, and not only nearly. */
  default boolean isExact() {
    return true;
  }
}
