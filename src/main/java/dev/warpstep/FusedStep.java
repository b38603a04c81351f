package dev.warpstep;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.plan.StepPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The step of one optimizer: rows, counters and state in the device's memory, and one prepared step
 * for each kernel that the groups select. Built when something changed, then only run.
 */
final class FusedStep implements AutoCloseable {
  private final Backend backend;
  private final UpdateRule rule;
  private final Tables tables;
  private final StoragePool pool;
  private final List<Kernel> kernels = new ArrayList<>();
  private PreparedStep[] steps = {};
  private boolean prepared;

  /** The kernel of one group, and the hyper-parameters that fill its row. */
  private record Kernel(Entry entry, List<HyperParameter> slots) {
    static Kernel of(Entry entry) {
      return new Kernel(
          entry, entry.hyperParameters().stream().map(HyperParameter::ofKey).toList());
    }
  }

  FusedStep(Backend backend, UpdateRule rule) {
    this.backend = backend;
    this.rule = rule;
    this.tables = backend.newTables();
    this.pool = backend.newPool();
  }

  /** Makes room for more groups and parameters. */
  void grow(int groupCount, int parameterCount) {
    discardSteps();
    tables.grow(groupCount, parameterCount);
  }

  /** Follows the groups' settings and the parameters' gradients. */
  void refresh(List<ParamGroup> groups, List<Slot> slots) {
    if (selectKernels(groups)) {
      discardSteps();
    }
    for (int i = 0; i < slots.size() && prepared; i++) {
      prepared = slots.get(i).isPrepared();
    }
    if (!prepared) {
      prepare(slots);
    }
    for (int i = 0; i < groups.size(); i++) {
      if (groups.get(i).isChanged()) {
        writeRow(i, groups.get(i));
      }
    }
  }

  /** Whether any group's settings now select another kernel than before. */
  private boolean selectKernels(List<ParamGroup> groups) {
    boolean selected = false;
    for (int i = 0; i < groups.size(); i++) {
      String name = rule.kernel().apply(groups.get(i));
      if (i == kernels.size()) {
        kernels.add(Kernel.of(backend.entry(name)));
        selected = true;
      } else if (!kernels.get(i).entry().name().equals(name)) {
        kernels.set(i, Kernel.of(backend.entry(name)));
        selected = true;
      }
    }
    return selected;
  }

  private void prepare(List<Slot> slots) {
    discardSteps();
    Map<Entry, List<Slot>> slotsByEntry = new LinkedHashMap<>();
    for (Slot slot : slots) {
      if (slot.parameter.gradientStorage().isPresent()) {
        Entry entry = kernels.get(slot.group).entry();
        slotsByEntry.computeIfAbsent(entry, e -> new ArrayList<>()).add(slot);
      }
    }
    List<PreparedStep> fresh = new ArrayList<>();
    slotsByEntry.forEach((entry, of) -> fresh.add(prepare(entry, of)));
    slots.forEach(Slot::markPrepared);
    steps = fresh.toArray(PreparedStep[]::new);
    prepared = true;
  }

  private PreparedStep prepare(Entry entry, List<Slot> slots) {
    List<StepPlan.Tensor> tensors = new ArrayList<>();
    List<TensorBinding> bindings = new ArrayList<>();
    for (Slot slot : slots) {
      Parameter parameter = slot.parameter;
      tensors.add(new StepPlan.Tensor(parameter.elementCount(), slot.group, slot.counter));
      bindings.add(
          new TensorBinding(
              parameter.name(),
              parameter.storage(),
              parameter.gradientStorage().orElseThrow(),
              entry.states().stream().map(name -> state(slot, name)).toList()));
    }
    return backend.prepare(entry, tensors, bindings, tables);
  }

  /** A state array of a parameter, allocated as zeros when it is first needed. */
  Storage state(Slot slot, String name) {
    return slot.states.computeIfAbsent(
        name, missing -> pool.allocate(slot.parameter.elementCount()));
  }

  /** State arrays that the kernel for a group's settings keeps. */
  List<String> stateNames(ParamGroup group) {
    return backend.entry(rule.kernel().apply(group)).states();
  }

  private void writeRow(int row, ParamGroup group) {
    List<HyperParameter> slots = kernels.get(row).slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      tables.setSlot(row, slot, group.get(slots.get(slot)));
    }
    group.markUnchanged();
  }

  /** Runs every prepared step; allocates nothing. */
  void run() {
    for (PreparedStep step : steps) {
      step.verify();
    }
    for (PreparedStep step : steps) {
      step.run();
    }
  }

  /** Completed steps of a parameter. */
  long counter(Slot slot) {
    return tables.counter(slot.counter);
  }

  void setCounter(Slot slot, long completedSteps) {
    tables.setCounter(slot.counter, completedSteps);
  }

  private void discardSteps() {
    for (PreparedStep step : steps) {
      step.close();
    }
    steps = new PreparedStep[0];
    prepared = false;
  }

  @Override
  public void close() {
    discardSteps();
    tables.close();
    pool.close();
  }
}
