/** Fused optimizers for Java: {@code torch.optim} semantics in one pass over memory. */
// JCuda, JCublas and XChart have no descriptor.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module dev.warpstep {
  requires com.fasterxml.jackson.core;
  requires java.logging; // for JCuda
  requires transitive jcuda; // for its pointers in adapter.jcuda

  // Only the command line program needs these.
  requires static info.picocli;
  requires static java.desktop;
  requires static jcublas;
  requires static me.tongfei.progressbar;
  requires static org.knowm.xchart;

  exports dev.warpstep;
  exports dev.warpstep.adapter.jcuda;
  exports dev.warpstep.checkpoint;
  exports dev.warpstep.checkpoint.torch;
  exports dev.warpstep.error;
  exports dev.warpstep.lr;

  opens dev.warpstep.cli to
      info.picocli;
}
