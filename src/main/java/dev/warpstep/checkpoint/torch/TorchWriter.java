package dev.warpstep.checkpoint.torch;

import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.StateDict;
import dev.warpstep.checkpoint.AtomicFile;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Writes an optimizer's state as {@code torch.save(optimizer.state_dict(), file)} does with PyTorch
 * 2.13, so that {@code optimizer.load_state_dict(torch.load(file, weights_only=True))} takes it.
 *
 * <p>Parameters are numbered by groups and by their order in them; their names go along as {@code
 * param_names}. A step beyond 2<sup>24</sup> that fp32 cannot hold is written in fp64. State arrays
 * that the settings need and that are not there yet are written as zeros, as which they begin; for
 * PyTorch they would be missing. Where stochastic rounding goes on and master weights are written
 * too, beside PyTorch's entries, and PyTorch leaves them alone: it goes on from the parameters, and
 * does not save them again. PyTorch gives state the type of its parameter when it loads it.
 *
 * <p>State goes from its memory to the file in pieces of 1 MiB; besides, some 200 bytes for each
 * array are kept until the file is complete.
 */
public final class TorchWriter {
  private TorchWriter() {}

  /**
   * Writes all settings and state of an optimizer, with the learning rates that its schedules start
   * from.
   *
   * @throws CheckpointException if the file cannot be written, or a parameter's name is no Unicode
   * @throws IllegalStateException if the optimizer is closed
   */
  public static void save(Path file, Optimizer optimizer) throws CheckpointException {
    List<OptionalDouble> initialLrs =
        optimizer.paramGroups().stream().map(ParamGroup::initialLr).toList();
    save(file, optimizer.stateDict(), initialLrs);
  }

  /**
   * Writes a state dict.
   *
   * @throws CheckpointException if the file cannot be written, the settings are those of none of
   *     the four optimizers, or a parameter's name is no Unicode
   */
  public static void save(Path file, StateDict stateDict) throws CheckpointException {
    save(
        file,
        stateDict,
        Collections.nCopies(stateDict.paramGroups().size(), OptionalDouble.empty()));
  }

  private static void save(Path file, StateDict stateDict, List<OptionalDouble> initialLrs)
      throws CheckpointException {
    AtomicFile.write(file, TorchFile.of(file, stateDict, initialLrs)::write);
  }

  /**
   * Writes a state dict to a channel, which stays open.
   *
   * @param file for messages
   * @throws CheckpointException as {@link #save(Path, StateDict)}; nothing is written
   * @throws IOException if the channel fails
   */
  public static void write(Path file, StateDict stateDict, WritableByteChannel channel)
      throws IOException {
    TorchFile.of(
            file,
            stateDict,
            Collections.nCopies(stateDict.paramGroups().size(), OptionalDouble.empty()))
        .write(channel);
  }
}
