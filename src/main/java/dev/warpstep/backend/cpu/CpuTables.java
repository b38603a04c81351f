package dev.warpstep.backend.cpu;

import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.cpu.bindings.WsRow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rows and counters in native memory, where the library reads the rows. */
final class CpuTables implements Tables {
  private final StepControl control = new StepControl(new HostStruct(StepControl.sizeBytes()));
  private Arena arena = Arena.ofShared();
  private MemorySegment rows = MemorySegment.NULL;
  private MemorySegment counters = MemorySegment.NULL;

  @Override
  public void grow(int rowCount, int counterCount) {
    Arena larger = Arena.ofShared();
    MemorySegment newRows;
    MemorySegment newCounters;
    try {
      newRows = larger.allocate(WsRow.sizeof() * rowCount, WsRow.sizeof());
      newCounters = larger.allocate(ValueLayout.JAVA_LONG, counterCount);
    } catch (OutOfMemoryError e) {
      larger.close();
      throw e;
    }
    newRows.copyFrom(rows);
    newCounters.copyFrom(counters);
    arena.close();
    arena = larger;
    rows = newRows;
    counters = newCounters;
  }

  @Override
  public void setSlot(int row, int slot, double value) {
    WsRow.slot(row(row), slot, value);
  }

  @Override
  public long counter(int index) {
    return counters.getAtIndex(ValueLayout.JAVA_LONG, index);
  }

  @Override
  public void setCounter(int index, long steps) {
    counters.setAtIndex(ValueLayout.JAVA_LONG, index, steps);
  }

  MemorySegment row(int index) {
    return WsRow.asSlice(rows, index);
  }

  @Override
  public StepControl control() {
    return control;
  }

  @Override
  public void close() {
    control.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
