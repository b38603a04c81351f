package dev.warpstep.cli;

import dev.warpstep.cli.network.Network;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A network on its way: keeps the loss of each batch and the time of each optimizer step. */
final class Training {
  private final Experiment experiment;
  private final Network network;
  private final Runnable before;
  private final Runnable optimizerStep;
  private final Runnable after;
  private final List<Double> losses = new ArrayList<>();
  private final long[] stepNanos;

  /**
   * @param before comes between the backward pass and the optimizer's step
   * @param optimizerStep what is timed
   * @param after comes between the optimizer's step and the next forward pass
   */
  Training(
      Experiment experiment,
      Network network,
      Runnable before,
      Runnable optimizerStep,
      Runnable after) {
    this.experiment = experiment;
    this.network = network;
    this.before = before;
    this.optimizerStep = optimizerStep;
    this.after = after;
    this.stepNanos = new long[Math.toIntExact(experiment.stepCount())];
  }

  /**
   * Forward, backward and update with the samples in a range of an order.
   *
   * @return the loss before the update
   */
  double step(int[] order, int begin, int end) {
    double loss = network.train(experiment.samples(), experiment.loss(), order, begin, end);
    before.run();
    long started = System.nanoTime();
    optimizerStep.run();
    stepNanos[losses.size()] = System.nanoTime() - started;
    after.run();
    losses.add(loss);
    return loss;
  }

  /** What it came to, after the last step. */
  Outcome outcome() {
    long[] sorted = stepNanos.clone();
    Arrays.sort(sorted);
    return new Outcome(
        network,
        List.copyOf(losses),
        sorted[sorted.length / 2],
        network.meanLoss(experiment.samples(), experiment.loss()));
  }
}
