package dev.warpstep;

/** How the size of all gradients together is measured. */
public enum NormType {
  /** The root of the sum of squares, PyTorch's {@code norm_type=2}. */
  TWO,
  /** The largest magnitude, PyTorch's {@code norm_type=inf}. */
  INFINITY
}
