package dev.warpstep.checkpoint.torch;

import dev.warpstep.StateDict;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What a PyTorch file holds of an optimizer.
 *
 * @param optimizer whose state it is
 * @param stateDict settings and state by parameter names, for {@code Optimizer.loadStateDict}
 * @param initialLrs of each group, where a scheduler of PyTorch's left one; for {@code
 *     ParamGroup.initialLr}
 * @param dropped settings that are not in the state dict
 */
public record TorchState(
    TorchOptimizer optimizer,
    StateDict stateDict,
    List<OptionalDouble> initialLrs,
    List<DroppedSetting> dropped) {
  /** Copies the lists. */
  public TorchState {
    initialLrs = List.copyOf(initialLrs);
    dropped = List.copyOf(dropped);
  }
}
