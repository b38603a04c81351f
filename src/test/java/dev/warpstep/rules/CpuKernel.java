package dev.warpstep.rules;

import dev.warpstep.HyperParameter;
import dev.warpstep.backend.Backend;
import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.HostStorage;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** One kernel of a backend with one row of settings, below the façade: any memory, any step. */
final class CpuKernel implements AutoCloseable {
  private final Backend backend;
  private final Entry entry;
  private final Tables tables;
  private final int tensorCount;

  /** Memory of one tensor. */
  record Arrays(MemorySegment parameter, MemorySegment gradient, List<MemorySegment> states) {}

  /**
   * @param tensorCount the most tensors of a step
   */
  CpuKernel(Backend backend, RuleUnderTest rule, int tensorCount) {
    this.backend = backend;
    this.entry = backend.entry(rule.entry());
    this.tables = backend.newTables();
    this.tensorCount = tensorCount;
    tables.grow(1, tensorCount);
    List<String> slots = entry.hyperParameters();
    for (int slot = 0; slot < slots.size(); slot++) {
      HyperParameter key = HyperParameter.valueOf(slots.get(slot).toUpperCase(Locale.ROOT));
      tables.setSlot(0, slot, rule.settings().get(key));
    }
  }

  List<String> states() {
    return entry.states();
  }

  /** A step over tensors, the next one of which will be {@code step}. */
  PreparedStep prepare(List<Arrays> tensors, long step) {
    if (tensors.size() > tensorCount) {
      throw new IllegalArgumentException("%d tensors are too many".formatted(tensors.size()));
    }
    List<StepPlan.Tensor> planned = new ArrayList<>();
    List<TensorBinding> bindings = new ArrayList<>();
    for (Arrays tensor : tensors) {
      int index = planned.size();
      tables.setCounter(index, step - 1);
      Storage parameter = wrap(tensor.parameter());
      planned.add(new StepPlan.Tensor(parameter.elementCount(), 0, index));
      bindings.add(
          new TensorBinding(
              "tensor " + index,
              parameter,
              wrap(tensor.gradient()),
              tensor.states().stream().map(CpuKernel::wrap).toList()));
    }
    return backend.prepare(entry, planned, bindings, tables, false);
  }

  private static Storage wrap(MemorySegment memory) {
    return HostStorage.wrap(memory, ElementType.FLOAT32);
  }

  @Override
  public void close() {
    tables.close();
  }
}
