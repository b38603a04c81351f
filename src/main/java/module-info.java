/** Fused optimizers for Java: {@code torch.optim} semantics in one pass over memory. */
module dev.warpstep {
  exports dev.warpstep;
}
