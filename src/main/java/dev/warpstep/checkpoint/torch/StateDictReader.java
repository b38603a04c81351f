package dev.warpstep.checkpoint.torch;

import dev.warpstep.ParameterState;
import dev.warpstep.StateDict;
import dev.warpstep.StochasticRounding;
import dev.warpstep.checkpoint.CheckpointException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;

/** Makes a state dict by names of PyTorch's by positions. */
final class StateDictReader {
  private final Source source;
  private final TensorLoader loader;
  private final Expectation expectation;

  StateDictReader(Source source, TensorLoader loader, Expectation expectation) {
    this.source = source;
    this.loader = loader;
    this.expectation = expectation;
  }

  /**
   * @throws IOException if it is of another kind, or does not fit what is expected
   */
  TorchState read(PickleDict dict) throws IOException {
    if (!(dict.get("param_groups").orElseThrow() instanceof PickleSequence sequence)
        || sequence.size() == 0) {
      throw source.refuse("param_groups", "must be a list of groups");
    }
    checkEntries(dict);
    Optional<StochasticRounding> rounding = RoundingEntry.read(source, dict);
    TorchOptimizer kind = null;
    List<StateDict.Group> groups = new ArrayList<>();
    List<OptionalDouble> initialLrs = new ArrayList<>();
    List<DroppedSetting> dropped = new ArrayList<>();
    Map<Long, String> numbered = new HashMap<>();
    Set<String> seen = new HashSet<>();
    for (int index = 0; index < sequence.size(); index++) {
      GroupReader group = GroupReader.read(source, loader, index, sequence.get(index));
      if (kind == null) {
        kind =
            expectation.optimizer().isPresent() ? expectation.optimizer().get() : group.optimizer();
      }
      List<String> members = members(index, sequence.size(), group);
      loader.charge("param group " + index, (long) Footprint.PARAMETER * members.size());
      for (int i = 0; i < members.size(); i++) {
        if (!seen.add(members.get(i))
            || numbered.put(group.parameters().get(i), members.get(i)) != null) {
          throw source.refuse(
              "param group " + index, "has parameter %s, which is there already", members.get(i));
        }
      }
      groups.add(new StateDict.Group(group.settings(kind), members));
      initialLrs.add(group.initialLr());
      dropped.addAll(group.dropped());
    }
    Map<String, ParameterState> state =
        new StateReader(source, loader, kind).read(numbered, dict.get("state").orElseThrow());
    MasterEntry.read(source, loader, dict, numbered, TorchLayout.of(kind), state);
    return new TorchState(kind, new StateDict(groups, state, rounding), initialLrs, dropped);
  }

  private void checkEntries(PickleDict dict) throws CheckpointException {
    long ours =
        Stream.of(RoundingEntry.KEY, MasterEntry.KEY)
            .filter(key -> dict.get(key).isPresent())
            .count();
    if (dict.size() != 2 + ours) {
      throw source.refuse(
          "state dict", "must have state and param_groups alone, had %s", dict.names());
    }
  }

  private List<String> members(int index, int groupCount, GroupReader group)
      throws CheckpointException {
    String where = "param group " + index;
    Optional<List<String>> members = expectation.byPosition() ? Optional.empty() : group.names();
    if (members.isEmpty()) {
      if (expectation.names().isEmpty()) {
        throw source.refuse(where, "has no param_names, and no names were given");
      }
      if (expectation.names().size() != groupCount) {
        throw source.refuse(
            "param_groups",
            "must be %d, as names were given, are %d",
            expectation.names().size(),
            groupCount);
      }
      members = Optional.of(expectation.names().get(index));
    }
    if (members.get().size() != group.parameters().size()) {
      throw source.refuse(
          where,
          "must have the %d parameters that have names, has %d",
          members.get().size(),
          group.parameters().size());
    }
    return members.get();
  }
}
