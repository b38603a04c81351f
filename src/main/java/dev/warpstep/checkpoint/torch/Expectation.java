package dev.warpstep.checkpoint.torch;

import java.util.List;
import java.util.Optional;

/**
 * What whoever reads a file knows of it.
 *
 * @param optimizer whose state it must be
 * @param names of the parameters of each group; empty if not known
 * @param byPosition whether these names hold even if the file has its own
 */
record Expectation(
    Optional<TorchOptimizer> optimizer, List<List<String>> names, boolean byPosition) {}
