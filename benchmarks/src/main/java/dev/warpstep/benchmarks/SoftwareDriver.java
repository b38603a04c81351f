package dev.warpstep.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/** What benchmarks tell the software CUDA driver; nothing happens where the driver is real. */
final class SoftwareDriver {
  private SoftwareDriver() {}

  /** Lets the calls of a launch only return, so that nothing but the caller's side is measured. */
  @SuppressWarnings("restricted") // a function of native/simulator/simulator.h
  static void onlyAnswer(boolean on) {
    Optional<MemorySegment> function;
    try {
      function =
          SymbolLookup.libraryLookup("libcuda.so.1", Arena.global()).find("simulator_only_answer");
    } catch (IllegalArgumentException e) {
      return; // no driver at all
    }
    if (function.isPresent()) {
      try {
        Linker.nativeLinker()
            .downcallHandle(function.orElseThrow(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
            .invokeExact(on ? 1 : 0);
      } catch (Throwable e) {
        throw new LinkageError("simulator_only_answer", e);
      }
    }
  }
}
