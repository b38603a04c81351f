package dev.warpstep.cli;

import dev.warpstep.cli.network.Network;
import dev.warpstep.unfused.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * What one training came to.
 *
 * @param network the trained network
 * @param losses of each batch before its step, in order
 * @param stepNanos median time of an optimizer step
 * @param finalLoss mean over all training samples after the last step
 */
record Outcome(Network network, List<Double> losses, long stepNanos, double finalLoss) {
  /** Whether every loss and every parameter is the same, by bits. */
  boolean isSameAs(Outcome other) {
    List<Tensor> tensors = network.tensors();
    List<Tensor> otherTensors = other.network.tensors();
    for (int i = 0; i < tensors.size(); i++) {
      if (!Arrays.equals(tensors.get(i).values(), otherTensors.get(i).values())) {
        return false;
      }
    }
    return losses.equals(other.losses) && Double.compare(finalLoss, other.finalLoss) == 0;
  }
}
