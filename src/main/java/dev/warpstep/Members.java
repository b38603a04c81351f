package dev.warpstep;

import dev.warpstep.backend.Backend;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Who is in an optimizer, and who may join. */
final class Members {
  private final UpdateRule rule;
  private final Backend backend;
  private final Optimizer.Settings settings;
  private final Set<Parameter> parameters = new HashSet<>();
  private final Set<String> names = new HashSet<>();

  Members(UpdateRule rule, Backend backend, Optimizer.Settings settings) {
    this.rule = rule;
    this.backend = backend;
    this.settings = settings;
  }

  /**
   * Proves that groups may join together.
   *
   * @return the groups with every setting, not joined
   * @throws IllegalArgumentException if a setting or a parameter is refused; names which and why
   * @throws IllegalStateException if a group is in an optimizer already, or a parameter is closed
   */
  List<ParamGroup> check(List<ParamGroup> added) {
    Set<Parameter> newParameters = new HashSet<>();
    Set<String> newNames = new HashSet<>();
    Set<ParamGroup> newGroups = new HashSet<>();
    List<ParamGroup> complete = new ArrayList<>();
    for (ParamGroup group : added) {
      if (group.hasOptimizer() || !newGroups.add(group)) {
        throw new IllegalStateException("the param group is in an optimizer already: " + group);
      }
      group.hyperParameters().forEach(rule::check);
      for (Parameter parameter : group.parameters()) {
        if (parameters.contains(parameter) || !newParameters.add(parameter)) {
          throw new IllegalArgumentException(
              "%s: a parameter must be given once, %s was given twice"
                  .formatted(rule.name(), parameter));
        }
        if (names.contains(parameter.name()) || !newNames.add(parameter.name())) {
          throw new IllegalArgumentException(
              "%s: names of parameters must differ, %s was given twice"
                  .formatted(rule.name(), parameter.name()));
        }
        if (!backend.accepts(parameter.storage())) {
          throw new IllegalArgumentException(
              "%s: parameters must be in memory of the device %s, %s was not"
                  .formatted(rule.name(), backend.description(), parameter));
        }
      }
      group.parameters().forEach(settings.precision()::check);
      ParamGroup completed = group.completed(settings.defaults());
      rule.consistency().accept(completed);
      complete.add(completed);
    }
    return complete;
  }

  /** Remembers the parameters of groups that joined. */
  void add(List<ParamGroup> joined) {
    for (ParamGroup group : joined) {
      for (Parameter parameter : group.parameters()) {
        parameters.add(parameter);
        names.add(parameter.name());
      }
    }
  }

  /** How many parameters are in. */
  int count() {
    return parameters.size();
  }
}
