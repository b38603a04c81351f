/** Fused optimizers for Java: {@code torch.optim} semantics in one pass over memory. */
@SuppressWarnings("requires-automatic") // JCuda and XChart have no descriptor
module dev.warpstep {
  requires java.logging; // for JCuda
  requires jcuda;

  // Only the command line program needs these.
  requires static info.picocli;
  requires static java.desktop;
  requires static me.tongfei.progressbar;
  requires static org.knowm.xchart;

  exports dev.warpstep;
  exports dev.warpstep.error;

  opens dev.warpstep.cli to
      info.picocli;
}
