package dev.warpstep.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.warpstep.unfused.cuda.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The control functions of the software CUDA driver; {@code native/simulator/simulator.h} says what
 * each does.
 */
@SuppressWarnings("restricted") // binds native functions
public final class Simulator {
  private static final Optional<Simulator> FOUND = load();

  /** In which order blocks run. */
  enum BlockOrder {
    ASCENDING,
    DESCENDING,
    RANDOM,
    PARALLEL
  }

  private final SymbolLookup library;
  private final Map<String, MethodHandle> functions = new HashMap<>();

  private Simulator(SymbolLookup library) {
    this.library = library;
  }

  /** The software driver if this process has it in place of the real one. */
  public static Optional<Simulator> find() {
    return FOUND;
  }

  private static Optional<Simulator> load() {
    SymbolLookup library;
    try {
      library = SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
    } catch (IllegalArgumentException e) {
      return Optional.empty(); // no driver at all
    }
    if (library.find("simulator_reset").isEmpty()) {
      return Optional.empty();
    }
    Simulator simulator = new Simulator(library);
    byte[] image = simulator.image();
    CudaKernels.standIn(image);
    Kernels.standIn(image);
    return Optional.of(simulator);
  }

  private Object call(
      String name, Optional<MemoryLayout> result, List<MemoryLayout> parameters, Object... values) {
    MemoryLayout[] layouts = parameters.toArray(MemoryLayout[]::new);
    MethodHandle function =
        functions.computeIfAbsent(
            name,
            missing ->
                Linker.nativeLinker()
                    .downcallHandle(
                        library.find("simulator_" + missing).orElseThrow(),
                        result
                            .map(layout -> FunctionDescriptor.of(layout, layouts))
                            .orElseGet(() -> FunctionDescriptor.ofVoid(layouts))));
    try {
      return function.invokeWithArguments(values);
    } catch (Throwable e) {
      throw new LinkageError("simulator_" + name, e);
    }
  }

  private long number(String name) {
    return (long) call(name, Optional.of(JAVA_LONG), List.of());
  }

  private String text(String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(1 << 20);
      call(name, Optional.of(JAVA_LONG), List.of(ADDRESS, JAVA_LONG), buffer, buffer.byteSize());
      return buffer.getString(0, StandardCharsets.UTF_8);
    }
  }

  private byte[] image() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(1 << 20);
      long bytes =
          (long)
              call(
                  "image",
                  Optional.of(JAVA_LONG),
                  List.of(ADDRESS, JAVA_LONG),
                  buffer,
                  buffer.byteSize());
      return buffer.asSlice(0, bytes).toArray(JAVA_BYTE);
    }
  }

  void reset() {
    call("reset", Optional.empty(), List.of());
  }

  void setArchitecture(int major, int minor) {
    call("set_architecture", Optional.empty(), List.of(JAVA_INT, JAVA_INT), major, minor);
  }

  void setDevices(int count) {
    call("set_devices", Optional.empty(), List.of(JAVA_INT), count);
  }

  void setMultiprocessors(int count) {
    call("set_multiprocessors", Optional.empty(), List.of(JAVA_INT), count);
  }

  void setDriverVersion(int version) {
    call("set_driver_version", Optional.empty(), List.of(JAVA_INT), version);
  }

  void setMemory(long bytes) {
    call("set_memory", Optional.empty(), List.of(JAVA_LONG), bytes);
  }

  @SuppressWarnings("EnumOrdinal") // the constants of simulator.h, in its order
  void blockOrder(BlockOrder order, long seed) {
    call("block_order", Optional.empty(), List.of(JAVA_INT, JAVA_LONG), order.ordinal(), seed);
  }

  /** Makes the nth next call of any function fail, or of this one. */
  void failCall(Optional<String> name, int nth, int code, boolean forGood) {
    try (Arena arena = Arena.ofConfined()) {
      call(
          "fail_call",
          Optional.empty(),
          List.of(ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT),
          name.map(arena::allocateFrom).orElse(MemorySegment.NULL),
          nth,
          code,
          forGood ? 1 : 0);
    }
  }

  void clearFaults() {
    call("clear_faults", Optional.empty(), List.of());
  }

  /** Calls of every driver function so far. */
  long calls() {
    return (long) call("calls", Optional.of(JAVA_LONG), List.of(ADDRESS), MemorySegment.NULL);
  }

  /** Calls of one driver function so far. */
  long calls(String name) {
    try (Arena arena = Arena.ofConfined()) {
      return (long)
          call("calls", Optional.of(JAVA_LONG), List.of(ADDRESS), arena.allocateFrom(name));
    }
  }

  long launches() {
    return number("launches");
  }

  long graphLaunches() {
    return number("graph_launches");
  }

  long copies() {
    return number("copies");
  }

  long allocations() {
    return number("allocations");
  }

  long synchronisations() {
    return number("synchronisations");
  }

  long liveBytes() {
    return number("live_bytes");
  }

  long retainedContexts() {
    return number("retained_contexts");
  }

  long pendingOperations() {
    return number("pending_operations");
  }

  /** Everything that was not given back, by kind; empty if nothing is left. */
  Map<String, Long> left() {
    Map<String, Long> left = new LinkedHashMap<>();
    List<String> kinds = new ArrayList<>();
    for (String kind :
        List.of(
            "allocations",
            "host_allocations",
            "streams",
            "events",
            "modules",
            "graphs",
            "graph_execs")) {
      kinds.add("live_" + kind);
    }
    kinds.add("retained_contexts");
    for (String kind : kinds) {
      long count = number(kind);
      if (count != 0) {
        left.put(kind, count);
      }
    }
    return left;
  }

  String lastFailure() {
    return text("last_failure");
  }

  String trace() {
    return text("trace");
  }

  String unexpectedCalls() {
    return text("unexpected_calls");
  }
}
