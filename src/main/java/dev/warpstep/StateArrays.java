package dev.warpstep;

import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Remainders;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** The state arrays and master weights of one optimizer, allocated when they are first needed. */
final class StateArrays implements AutoCloseable {
  private final StoragePool pool;
  private final Precision precision;

  StateArrays(StoragePool pool, Precision precision) {
    this.pool = pool;
    this.precision = precision;
  }

  Precision precision() {
    return precision;
  }

  /** A state array of a parameter, zero at first. */
  Storage state(Slot slot, String name) {
    return slot.states.computeIfAbsent(
        name,
        missing ->
            pool.allocate(
                precision.stateDtype(slot.parameter).elementType(), slot.parameter.elementCount()));
  }

  /** The master weights of a parameter, if it has any: at first its values. */
  Optional<Storage> master(Slot slot) {
    Parameter parameter = slot.parameter;
    if (parameter.masterStorage().isPresent()) {
      return parameter.masterStorage();
    }
    if (slot.master.isEmpty() && parameter.dtype().isHalf()) {
      switch (precision.masterWeights()) {
        case NONE -> {}
        case FLOAT32 -> {
          Storage master = pool.allocate(ElementType.FLOAT32, parameter.elementCount());
          Values.convert(parameter.storage(), master);
          slot.master = Optional.of(master);
        }
        case REMAINDER -> // zero: the values are as exact as they are
            slot.master = Optional.of(pool.allocate(Remainders.TYPE, parameter.elementCount()));
      }
    }
    return slot.master;
  }

  /** Takes the parameter's values for its master weights, if it has any. */
  void reloadMaster(Slot slot) {
    Optional<Storage> master = slot.presentMaster();
    if (master.isPresent()) {
      if (master.get().type() == ElementType.FLOAT32) {
        Values.convert(slot.parameter.storage(), master.get());
      } else {
        master.get().fillZero();
      }
    }
  }

  /** A parameter's master weights as fp32 values. */
  static void readMaster(Slot slot, Storage master, MemorySegment values) {
    if (master.type() == ElementType.FLOAT32) {
      master.copyTo(values);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment upper = arena.allocate(master.sizeBytes(), Double.BYTES);
      MemorySegment remainders = arena.allocate(master.sizeBytes(), Double.BYTES);
      slot.parameter.storage().copyTo(upper);
      master.copyTo(remainders);
      Remainders.join(upper, remainders, values);
    }
  }

  /** Replaces a parameter's master weights, and the parameter by their rounded copy. */
  static void writeMaster(Slot slot, Storage master, MemorySegment values) {
    Storage data = slot.parameter.storage();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rounded = arena.allocate(data.sizeBytes(), Double.BYTES);
      if (master.type() == ElementType.FLOAT32) {
        ElementType.convert(ElementType.FLOAT32, values, data.type(), rounded);
        master.copyFrom(values);
      } else {
        MemorySegment remainders = arena.allocate(master.sizeBytes(), Double.BYTES);
        Remainders.split(values, rounded, remainders);
        master.copyFrom(remainders);
      }
      data.copyFrom(rounded);
    }
  }

  @Override
  public void close() {
    pool.close();
  }
}
