package dev.warpstep.cli.bench;

/** A contender that updates the tensors of a model. */
public interface Trainee extends Contender {
  /** A copy of a tensor's values, when every step so far is done. */
  float[] values(int tensor);
}
