package dev.warpstep.backend.cuda;

import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.cuda.bindings.WsRow;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Rows and counters in device memory. Kernels advance the counters, so that a counter asked for
 * after a launch is read back first.
 */
final class CudaTables implements Tables {
  private final CudaContext context;
  private final StepControl control;
  private Optional<Upload> rows = Optional.empty();
  private Optional<Upload> counters = Optional.empty();
  private boolean countersAdvanced;

  CudaTables(CudaContext context) {
    this.context = context;
    this.control = new StepControl(new Upload(context, StepControl.sizeBytes()));
  }

  @Override
  public void grow(int rowCount, int counterCount) {
    readCounters();
    Upload newRows = new Upload(context, WsRow.sizeof() * rowCount);
    Upload newCounters;
    try {
      newCounters = new Upload(context, (long) Long.BYTES * counterCount);
    } catch (RuntimeException e) {
      newRows.close();
      throw e;
    }
    rows.ifPresent(old -> newRows.host().copyFrom(old.host()));
    counters.ifPresent(old -> newCounters.host().copyFrom(old.host()));
    closeTables();
    rows = Optional.of(newRows);
    counters = Optional.of(newCounters);
  }

  @Override
  public void setSlot(int row, int slot, double value) {
    Upload upload = rows.orElseThrow();
    long begin = WsRow.sizeof() * row + (long) Double.BYTES * slot;
    upload.host().set(ValueLayout.JAVA_DOUBLE, begin, value);
    upload.touch(begin, begin + Double.BYTES);
  }

  @Override
  public long counter(int index) {
    readCounters();
    return counters.orElseThrow().host().getAtIndex(ValueLayout.JAVA_LONG, index);
  }

  @Override
  public void setCounter(int index, long steps) {
    readCounters();
    Upload upload = counters.orElseThrow();
    upload.host().setAtIndex(ValueLayout.JAVA_LONG, index, steps);
    upload.touch((long) Long.BYTES * index, (long) Long.BYTES * (index + 1));
  }

  /** Sends what changed; a launch follows, which advances the counters. */
  void beforeLaunch() {
    rows.orElseThrow().send();
    counters.orElseThrow().send();
    control.send();
    countersAdvanced = true;
  }

  long rowsAddress() {
    return rows.orElseThrow().address();
  }

  long countersAddress() {
    return counters.orElseThrow().address();
  }

  private void readCounters() {
    if (countersAdvanced) {
      counters.orElseThrow().receive();
      countersAdvanced = false;
    }
  }

  @Override
  public StepControl control() {
    return control;
  }

  @Override
  public void close() {
    control.close();
    closeTables();
  }

  private void closeTables() {
    rows.ifPresent(Upload::close);
    counters.ifPresent(Upload::close);
  }
}
