/** Fused optimizers for Java: {@code torch.optim} semantics in one pass over memory. */
@SuppressWarnings("requires-automatic") // XChart has a name, but no descriptor
module dev.warpstep {
  // Only the command line program needs these.
  requires static info.picocli;
  requires static java.desktop;
  requires static me.tongfei.progressbar;
  requires static org.knowm.xchart;

  exports dev.warpstep;

  opens dev.warpstep.cli to
      info.picocli;
}
