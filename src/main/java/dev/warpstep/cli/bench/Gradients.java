package dev.warpstep.cli.bench;

/**
 * The gradients of a model, around 1e-2. They change their signs between samples, so that
 * parameters wander around their place however many steps are timed, and the first moment never
 * settles: with one gradient for ever, parameters would grow by the learning rate in each step.
 */
public interface Gradients extends AutoCloseable {
  /** Fills every gradient with the other sign than before; on CUDA, queues it. */
  void flip();

  @Override
  void close();
}
