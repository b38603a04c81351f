package dev.warpstep.cli;

import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.cli.network.Loss;
import dev.warpstep.cli.network.Network;
import dev.warpstep.cli.network.Samples;
import dev.warpstep.unfused.UnfusedOptimizer;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * What is trained and for how long.
 *
 * @param samples the training samples
 * @param loss over these samples
 * @param network makes the network, with the same initial weights each time
 * @param epochs how often each sample is seen
 * @param batch samples of a step; the last batch of an epoch has what is left
 * @param seed of the order of samples
 */
record Experiment(
    Samples samples, Loss loss, Supplier<Network> network, int epochs, int batch, long seed) {
  /** Enough for C2 to compile what a step calls for each chunk. */
  private static final int WARM_UP_STEPS = 3_000;

  /** A step so slow that this takes longer does not gain from being compiled. */
  private static final long WARM_UP_NANOS = 1_000_000_000;

  /** Steps of one training. */
  long stepCount() {
    return (long) epochs * Math.ceilDiv(samples.count(), batch);
  }

  /**
   * Trains with each recipe twice, fused on the device and unfused on as many threads as told. The
   * two take turns step by step, so that whatever else the machine does slows both alike.
   */
  List<Comparison> compare(
      List<Recipe> recipes, Device device, int unfusedThreads, Progress progress) {
    recipes.forEach(recipe -> warmUp(recipe, device, unfusedThreads));
    return recipes.stream()
        .map(recipe -> compare(recipe, device, unfusedThreads, progress.begin(recipe.name())))
        .toList();
  }

  /** Lets the JVM compile both steps, on networks of their own. */
  private void warmUp(Recipe recipe, Device device, int unfusedThreads) {
    Network fresh = network.get();
    UnfusedOptimizer unfused = recipe.unfused().build(fresh.tensors(), unfusedThreads);
    try (Placement placement = new Placement(fresh.tensors(), device);
        Optimizer fused = recipe.fused().build(device, placement.parameters())) {
      long started = System.nanoTime();
      for (int i = 0; i < WARM_UP_STEPS && System.nanoTime() - started < WARM_UP_NANOS; i++) {
        fused.step();
        device.synchronize();
        unfused.step();
      }
    }
  }

  private Comparison compare(
      Recipe recipe, Device device, int unfusedThreads, Progress.Run progress) {
    Network fusedNetwork = network.get();
    Network unfusedNetwork = network.get();
    UnfusedOptimizer unfused = recipe.unfused().build(unfusedNetwork.tensors(), unfusedThreads);
    try (Placement placement = new Placement(fusedNetwork.tensors(), device);
        Optimizer fused = recipe.fused().build(device, placement.parameters())) {
      Training fusedTraining =
          new Training(
              this,
              fusedNetwork,
              placement::sendGradients,
              () -> {
                fused.step();
                device.synchronize();
              },
              placement::fetchValues);
      Training unfusedTraining =
          new Training(this, unfusedNetwork, () -> {}, unfused::step, () -> {});
      forEachBatch(
          (order, begin, end) -> {
            progress.step(fusedTraining.step(order, begin, end));
            unfusedTraining.step(order, begin, end);
          });
      Comparison comparison =
          new Comparison(recipe.name(), fusedTraining.outcome(), unfusedTraining.outcome());
      progress.end(comparison.fused().finalLoss());
      return comparison;
    }
  }

  /** Trains with the library's optimizer of a recipe, the weights in a format. */
  Outcome train(Recipe recipe, WeightFormat format, Device device, Progress.Run progress) {
    Network trained = network.get();
    try (Placement placement = new Placement(trained.tensors(), device, format.dtype());
        Optimizer optimizer =
            format
                .configure(recipe.fused().builder(), seed)
                .build(device, placement.parameters())) {
      placement.fetchValues(); // rounded
      Training training =
          new Training(
              this,
              trained,
              placement::sendGradients,
              () -> {
                optimizer.step();
                device.synchronize();
              },
              placement::fetchValues);
      forEachBatch((order, begin, end) -> progress.step(training.step(order, begin, end)));
      Outcome outcome = training.outcome();
      progress.endFused(outcome.finalLoss());
      return outcome;
    }
  }

  /** Something to do with the samples in a range of an order. */
  private interface BatchConsumer {
    void accept(int[] order, int begin, int end);
  }

  private void forEachBatch(BatchConsumer consumer) {
    SplittableRandom random = new SplittableRandom(seed);
    int[] order = IntStream.range(0, samples.count()).toArray();
    for (int epoch = 0; epoch < epochs; epoch++) {
      shuffle(order, random);
      for (int begin = 0; begin < order.length; begin += batch) {
        consumer.accept(order, begin, (int) Math.min(order.length, (long) begin + batch));
      }
    }
  }

  private static void shuffle(int[] order, SplittableRandom random) {
    for (int i = order.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
  }
}
