package dev.warpstep;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a load that was not strict did not find, and what it did not use; as {@code missing_keys}
 * and {@code unexpected_keys} of {@code torch.nn.Module.load_state_dict(strict=False)}.
 *
 * @param missingGroups places of the optimizer's groups that the dict has no group for; their
 *     settings are as before
 * @param unexpectedGroups places of the dict's groups that the optimizer has no group for
 * @param missingParameters the optimizer's, that the dict does not have; their state is as before
 * @param unexpectedParameters the dict's, that the optimizer does not have
 * @param missingState arrays that the settings need and the dict lacks, by the optimizer's
 *     parameter. An array that a setting adds, such as {@code max_exp_avg_sq}, is zero now; if the
 *     dict lacks another one, all state of the parameter and its step begin afresh, since a bias
 *     correction for moments that are gone would be wrong
 * @param unexpectedState arrays that no setting of the optimizer keeps, by its parameter
 */
public record LoadReport(
    List<Integer> missingGroups,
    List<Integer> unexpectedGroups,
    List<String> missingParameters,
    List<String> unexpectedParameters,
    Map<String, List<String>> missingState,
    Map<String, List<String>> unexpectedState) {
  /** Copies the lists and the maps. */
  public LoadReport {
    missingGroups = List.copyOf(missingGroups);
    unexpectedGroups = List.copyOf(unexpectedGroups);
    missingParameters = List.copyOf(missingParameters);
    unexpectedParameters = List.copyOf(unexpectedParameters);
    missingState = copy(missingState);
    unexpectedState = copy(unexpectedState);
  }

  /** Of a load that found everything and used everything. */
  static LoadReport complete() {
    return new LoadReport(List.of(), List.of(), List.of(), List.of(), Map.of(), Map.of());
  }

  /** Whether nothing was missing or unexpected. */
  public boolean isComplete() {
    return equals(complete());
  }

  private static Map<String, List<String>> copy(Map<String, List<String>> map) {
    Map<String, List<String>> copy = new LinkedHashMap<>();
    map.forEach((parameter, names) -> copy.put(parameter, List.copyOf(names)));
    return Collections.unmodifiableMap(copy);
  }
}
