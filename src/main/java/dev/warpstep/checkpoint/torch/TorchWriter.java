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
 * <p>A state dict goes from its memory to the file, native memory as it is and arrays of Java in
 * pieces of 1 MiB; besides, some 200 bytes for each array are kept until the file is complete. An
 * optimizer is copied first, by {@link Optimizer#stateDict}: saving it takes as much native memory
 * as its state. Of very many parameters with few elements the file ends with an entry of zeros,
 * {@code .padding}, which PyTorch does not look at: {@link TorchReader} takes memory by a file's
 * size.
 */
public final class TorchWriter {
  private TorchWriter() {}

  /**
   * Writes all settings and state of an optimizer, with the learning rates that its schedules start
   * from.
   *
   * @throws CheckpointException as {@link #save(Path, StateDict)}
   * @throws IllegalStateException if the optimizer is closed
   */
  public static void save(Path file, Optimizer optimizer) throws CheckpointException {
    List<OptionalDouble> initialLrs =
        optimizer.paramGroups().stream().map(ParamGroup::initialLr).toList();
    save(file, optimizer.stateDict(), initialLrs);
  }

  /**
   * Writes a state dict. Its memory must not change meanwhile.
   *
   * @throws CheckpointException if the file system fails, or the state dict is none that {@link
   *     TorchReader} would read: without groups; with settings of none of the four optimizers, or
   *     of several; with a parameter in two groups, or a name that is no Unicode or longer than 1
   *     MiB; with state of no parameter or of another optimizer, more than 64 dimensions or
   *     2<sup>53</sup> steps, state other than zero before the first step, or master weights that
   *     are not fp32. The old file then stays
   * @throws IllegalStateException if the memory of a tensor was freed; the old file then stays
   * @throws WrongThreadException if it is confined to another thread; the old file then stays
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
   * Writes a state dict to a channel, which stays open. Its memory must not change meanwhile.
   *
   * @param file for messages
   * @param channel that blocks until it takes bytes
   * @throws CheckpointException as {@link #save(Path, StateDict)}; nothing is written
   * @throws IOException if the channel fails, or takes no bytes; it may have some of them then
   * @throws IllegalStateException if the memory of a tensor was freed
   * @throws WrongThreadException if it is confined to another thread
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
