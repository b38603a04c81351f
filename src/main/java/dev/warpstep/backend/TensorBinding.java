package dev.warpstep.backend;

import dev.warpstep.backend.bindings.WarpstepPlan;
import dev.warpstep.backend.bindings.WsFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Where one tensor of a plan lives. The types of its storages are its format: a gradient is fp64
 * exactly if the parameter is, and then there is no master and all else is fp64, too.
 *
 * @param name of the parameter, for messages
 * @param parameter its values, updated in place
 * @param gradient as long as the parameter; the parameter itself if there is none
 * @param states in the order of {@link Entry#states()}, each as long as the parameter, of one type
 * @param average of the parameter, as long as it; fp32 or fp64
 * @param master of a 16-bit parameter, as long as it: fp32 values, or 16-bit remainders that
 *     together with a bf16 parameter are fp32 values
 * @param stochastic whether 16-bit values other than a master's copy are rounded stochastically
 */
public record TensorBinding(
    String name,
    Storage parameter,
    Storage gradient,
    List<Storage> states,
    Optional<Storage> average,
    Optional<Storage> master,
    boolean stochastic) {
  /** Copies the list. */
  public TensorBinding {
    states = List.copyOf(states);
  }

  /** A tensor without an average, of which nothing is rounded. */
  public TensorBinding(String name, Storage parameter, Storage gradient, List<Storage> states) {
    this(name, parameter, gradient, states, Optional.empty(), Optional.empty(), false);
  }

  /** The same tensor with its gradient elsewhere. */
  public TensorBinding withGradient(Storage newGradient) {
    return new TensorBinding(name, parameter, newGradient, states, average, master, stochastic);
  }

  /** Everything that is read or written. */
  public List<Storage> storages() {
    List<Storage> storages = new ArrayList<>(states);
    average.ifPresent(storages::add);
    master.ifPresent(storages::add);
    storages.add(parameter);
    storages.add(gradient);
    return storages;
  }

  /** Whether rules compute in fp64 with it. */
  public boolean isDouble() {
    return parameter.type() == ElementType.FLOAT64;
  }

  /** Whether all of it is fp32. */
  public boolean isFloat() {
    return storages().stream().allMatch(storage -> storage.type() == ElementType.FLOAT32);
  }

  /** Writes the format as kernels read it. */
  public void writeFormat(MemorySegment raw) {
    WsFormat.parameter(raw, (byte) parameter.type().code());
    WsFormat.gradient(raw, (byte) gradient.type().code());
    ElementType ofStates =
        states.isEmpty()
            ? isDouble() ? ElementType.FLOAT64 : ElementType.FLOAT32
            : states.getFirst().type();
    WsFormat.state(raw, (byte) ofStates.code());
    WsFormat.master(
        raw,
        (byte)
            (master.isEmpty()
                ? WarpstepPlan.WS_NO_MASTER()
                : master.get().type().isHalf()
                    ? WarpstepPlan.WS_REMAINDER()
                    : WarpstepPlan.WS_MASTER_FLOAT32()));
    WsFormat.stochastic(raw, (byte) (stochastic ? 1 : 0));
  }
}
