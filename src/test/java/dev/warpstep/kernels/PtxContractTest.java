package dev.warpstep.kernels;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * What the compiled kernels promise without being run: the same bits as the CPU, wide accesses, no
 * spills. Reads what kernels/cuda/build.sh leaves in target/cuda, for every architecture it built.
 */
class PtxContractTest {
  private static final Path MODULE = Path.of(System.getProperty("user.dir"));
  private static final Path REPORT = MODULE.resolve("target/cuda");
  private static final Path ABSENT = MODULE.resolve("target/classes/dev/warpstep/cuda/absent.txt");

  /** More would leave room for three blocks of 256 threads on a multiprocessor, not four. */
  private static final int MOST_REGISTERS = 64;

  /**
   * What a rule writes for one cell, additions and subtractions together. The fused operations are
   * those its header spells {@code fused_multiply_add}. What kernels/gradients.h adds to every rule
   * is not counted here.
   */
  private record Entry(
      String name,
      boolean usesGradient,
      int states,
      int multiply,
      int add,
      int fuse,
      int divide,
      int root) {
    /** The kernels of all formats. */
    List<String> kernels() {
      return List.of(name + "_f32", name + "_mixed", name + "_f64");
    }

    /** Of every array, before a thread computes (kernels/cuda/tuning.h). */
    int vectorsInFlight() {
      return states < 3 ? 2 : 1;
    }

    /** Before the first cell is computed: gradient, parameter and states. */
    int arraysReadFirst() {
      return (usesGradient ? 2 : 1) + states;
    }

    /** And the average with the parameter once more. */
    int arraysRead() {
      return arraysReadFirst() + 2;
    }

    /** Parameter, states, average, and zeros into the gradient. */
    int arraysWritten() {
      return 3 + states;
    }
  }

  private static final List<Entry> ENTRIES =
      List.of(
          new Entry("sgd", true, 0, 1, 0, 2, 0, 0),
          new Entry("sgd_momentum", true, 1, 2, 0, 4, 0, 0),
          new Entry("rmsprop", true, 1, 2, 2, 3, 1, 1),
          new Entry("rmsprop_momentum", true, 2, 2, 2, 4, 1, 1),
          new Entry("rmsprop_centered", true, 2, 2, 3, 5, 1, 1),
          new Entry("rmsprop_centered_momentum", true, 3, 2, 3, 6, 1, 1),
          new Entry("adam", true, 2, 2, 3, 5, 1, 1),
          new Entry("adam_amsgrad", true, 3, 2, 3, 5, 1, 1),
          new Entry("frozen", false, 0, 0, 0, 0, 0, 0),
          new Entry("stream", true, 2, 0, 0, 0, 0, 0));

  /** Kernels of no rule: norms, and the update of a gradient scale. */
  private static final Set<String> OTHERS =
      Set.of("norm_pass", "infinity_norm_pass", "update_scaler");

  /** Operations on floating-point values that do not round. */
  private static final Set<String> EXACT =
      Set.of("ld", "st", "mov", "setp", "selp", "neg", "abs", "copysign");

  /** The last one truncates to multiples of 2^-40: NOTE [stochastic rounding]. */
  private static final Set<String> EXACT_CONVERSIONS =
      Set.of("cvt.f64.f32", "cvt.f32.f16", "cvt.rzi.s32.f32");

  private static final Set<String> ROUNDED =
      Set.of("add", "sub", "mul", "fma", "div", "rcp", "sqrt");

  private static final Pattern FLOATING = Pattern.compile("\\.(f|bf|tf)\\d+(x\\d+)?\\b");
  private static final Pattern VECTOR_LOAD = Pattern.compile("ld\\.global\\.(\\w+\\.)*v4\\.f32");
  private static final Pattern VECTOR_STORE = Pattern.compile("st\\.global\\.(\\w+\\.)*v4\\.f32");
  private static final Pattern WORDS_LOAD = Pattern.compile("ld\\.global\\.(\\w+\\.)*v4\\.u32");
  private static final Pattern HALVES_LOAD = Pattern.compile("ld\\.global\\.(\\w+\\.)*v2\\.u32");
  private static final Pattern ELEMENT_STORE =
      Pattern.compile("st\\.global\\.(?!.*v\\d)(\\w+\\.)*f32");

  @Test
  void everyEntryHasItsKernelAndThereIsNoOther() {
    Matcher lines =
        Pattern.compile("^ +ENTRY\\((\\w+),", Pattern.MULTILINE)
            .matcher(text(MODULE.resolve("kernels/entries.h")));
    Set<String> names = lines.results().map(line -> line.group(1)).collect(Collectors.toSet());
    Set<String> tested = ENTRIES.stream().map(Entry::name).collect(Collectors.toSet());
    assertEquals(names, tested, "this test has one row for each line of kernels/entries.h");
    names = ENTRIES.stream().flatMap(entry -> entry.kernels().stream()).collect(Collectors.toSet());
    names.addAll(OTHERS);
    for (Map.Entry<String, Map<String, Kernel>> module : kernels().entrySet()) {
      assertEquals(names, module.getValue().keySet(), module.getKey());
    }
  }

  /** All of a tile, before the first square. */
  @Test
  void aNormReadsEightVectorsAtATime() {
    forEachOf(
        kernel -> kernel.name().endsWith("norm_pass"),
        kernel -> {
          kernel.assertAtLeast(8, VECTOR_LOAD);
          kernel.assertAtLeast(8, HALVES_LOAD);
        });
  }

  @Test
  void everyOperationIsRoundedOnceToNearestAndNothingIsApproximated() {
    forEachOf(
        kernel -> true,
        kernel -> {
          for (String operation : kernel.operations()) {
            assertFalse(operation.matches(".*\\.(approx|ftz|full|sat)\\b.*"), operation);
            if (FLOATING.matcher(operation).find()) {
              String verb = verb(operation);
              boolean converts = verb.equals("cvt");
              assertTrue(
                  EXACT.contains(verb)
                      || (converts && EXACT_CONVERSIONS.contains(operation))
                      || ((converts || ROUNDED.contains(verb)) && operation.contains(".rn.")),
                  operation);
            }
          }
        });
  }

  /**
   * A contraction takes a multiplication and an addition away, and {@code fma} must be all that the
   * rule wrote. At least, not exactly: a compiler may copy code, but cannot leave any out.
   */
  @Test
  void onlyWhatTheRuleWritesFusedIsFused() {
    forEachKernel(
        kernel -> {
          Entry entry = kernel.entry();
          int cells = kernel.cells();
          // The gradient is multiplied; the average is a difference and a fused multiply-add.
          kernel.assertWritten(cells * (entry.multiply() + (entry.usesGradient() ? 1 : 0)), "mul");
          kernel.assertWritten(cells * (entry.add() + 1), "add", "sub");
          kernel.assertWritten(cells * (entry.fuse() + 1), "fma");
          kernel.assertWritten(cells * entry.divide(), "div");
          kernel.assertWritten(cells * entry.root(), "sqrt");
        });
  }

  @Test
  void everyArrayIsReadAndWrittenSixteenBytesAtATime() {
    forEachKernel(
        kernel -> {
          Entry entry = kernel.entry();
          kernel.assertAtLeast(entry.vectorsInFlight() * entry.arraysRead(), VECTOR_LOAD);
          kernel.assertAtLeast(entry.vectorsInFlight() * entry.arraysWritten(), VECTOR_STORE);
        });
  }

  /** Gradient, parameter and states as fp32 or as halves, the master, and the remainder. */
  @Test
  void arraysOfMixedFormatsAreReadFourElementsAtATime() {
    forEachOf(
        kernel -> kernel.name().endsWith("_mixed"),
        kernel -> {
          Entry entry = kernel.entry();
          int arrays = (entry.usesGradient() ? 1 : 0) + entry.states();
          kernel.assertAtLeast(arrays + 2, WORDS_LOAD);
          kernel.assertAtLeast(arrays + 2, HALVES_LOAD);
        });
  }

  @Test
  void allVectorsAreAskedForBeforeTheFirstIsUsed() {
    forEachKernel(
        kernel -> {
          List<String> operations = kernel.operations();
          List<Integer> loads = new ArrayList<>();
          for (int i = 0; i < operations.size(); i++) {
            if (VECTOR_LOAD.matcher(operations.get(i)).matches()) {
              loads.add(i);
            }
          }
          Entry entry = kernel.entry();
          int first = entry.vectorsInFlight() * entry.arraysReadFirst();
          assertTrue(loads.size() >= first, "vectors are loaded");
          for (String between : operations.subList(loads.getFirst(), loads.get(first - 1))) {
            boolean computes = FLOATING.matcher(between).find() && ROUNDED.contains(verb(between));
            assertFalse(computes || between.startsWith("st."), between);
          }
        });
  }

  @Test
  void nothingIsKeptInLocalMemory() {
    forEachOf(
        kernel -> true, kernel -> assertFalse(kernel.body().contains(".local"), "local memory"));
    Pattern report =
        Pattern.compile(
            "Compiling entry function '(\\w+)' for '(sm_\\w+)'[^']*?"
                + "(\\d+ bytes stack frame, \\d+ bytes spill stores, \\d+ bytes spill loads)"
                + "[^']*?Used (\\d+) registers");
    Set<String> seen = new TreeSet<>();
    Matcher reports = report.matcher(text(REPORT.resolve("ptxas.txt")));
    while (reports.find()) {
      String where = reports.group(1) + " on " + reports.group(2);
      assertEquals(
          "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads",
          reports.group(3),
          where);
      int registers = Integer.parseInt(reports.group(4));
      assertTrue(registers <= MOST_REGISTERS, () -> where + ": " + registers + " registers");
      seen.add(where);
    }
    Set<String> expected = new TreeSet<>();
    for (String module : kernels().keySet()) {
      String architecture = module.replaceFirst("entries\\.compute_(\\w+)\\.ptx", "sm_$1");
      ENTRIES.stream()
          .flatMap(entry -> entry.kernels().stream())
          .forEach(name -> expected.add(name + " on " + architecture));
      OTHERS.forEach(name -> expected.add(name + " on " + architecture));
    }
    assertEquals(expected, seen);
  }

  /** One kernel; its operations are opcodes such as {@code ld.global.cs.v4.f32}, in their order. */
  private record Kernel(String name, String body, List<String> operations) {
    static Kernel of(String name, String body) {
      Matcher lines =
          Pattern.compile("^\\s*(?:@!?%p\\d+\\s+)?([a-z][\\w.:]*)[^;\\n]*;", Pattern.MULTILINE)
              .matcher(body);
      return new Kernel(name, body, lines.results().map(line -> line.group(1)).toList());
    }

    /** The row of a kernel that has one. */
    Entry entry() {
      return ENTRIES.stream().filter(e -> e.kernels().contains(name)).findFirst().orElseThrow();
    }

    /**
     * How often the rule is unrolled: each cell is stored once, in every array written, and one
     * more store only zeroes the gradient of a skipped step.
     */
    int cells() {
      int stored = 4 * count(VECTOR_STORE) + count(ELEMENT_STORE) - 1;
      assertEquals(0, stored % entry().arraysWritten(), "cells are stored in all arrays");
      return stored / entry().arraysWritten();
    }

    int count(Pattern operation) {
      return (int) operations.stream().filter(o -> operation.matcher(o).matches()).count();
    }

    void assertAtLeast(int expected, Pattern operation) {
      int found = count(operation);
      assertTrue(found >= expected, () -> operation + ": " + found + ", at least " + expected);
    }

    void assertWritten(int expected, String... verbs) {
      long found =
          operations.stream()
              .filter(o -> o.endsWith(".f32") && Set.of(verbs).contains(verb(o)))
              .count();
      assertTrue(
          expected == 0 ? found == 0 : found >= expected,
          () -> String.join(", ", verbs) + ": " + found + ", the rule has " + expected);
    }
  }

  /** For each kernel of a rule whose arrays all are fp32. */
  private static void forEachKernel(Consumer<Kernel> contract) {
    forEachOf(kernel -> kernel.name().endsWith("_f32"), contract);
  }

  private static void forEachOf(Predicate<Kernel> chosen, Consumer<Kernel> contract) {
    Stream.Builder<Executable> checks = Stream.builder();
    kernels()
        .forEach(
            (module, kernels) ->
                kernels.forEach(
                    (name, kernel) ->
                        checks.add(
                            () -> {
                              try {
                                if (chosen.test(kernel)) {
                                  contract.accept(kernel);
                                }
                              } catch (AssertionError broken) {
                                throw new AssertionError(
                                    name + " in " + module + ": " + broken.getMessage(), broken);
                              }
                            })));
    assertAll(checks.build());
  }

  /** Kernels by name, by the name of the PTX file; skips the test when the build had no nvcc. */
  private static Map<String, Map<String, Kernel>> kernels() {
    if (Files.exists(ABSENT)) {
      Assumptions.abort(text(ABSENT).strip());
    }
    Map<String, Map<String, Kernel>> kernels = new TreeMap<>();
    try (DirectoryStream<Path> modules =
        Files.newDirectoryStream(REPORT, "entries.compute_*.ptx")) {
      for (Path module : modules) {
        kernels.put(module.getFileName().toString(), kernels(text(module)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("kernels/cuda/build.sh writes " + REPORT, e);
    }
    assertFalse(kernels.isEmpty(), "kernels/cuda/build.sh leaves PTX in " + REPORT);
    return kernels;
  }

  private static Map<String, Kernel> kernels(String ptx) {
    Map<String, Kernel> kernels = new TreeMap<>();
    Matcher entries =
        Pattern.compile("\\.entry (\\w+)\\(.*?^\\{(.*?)^\\}", Pattern.MULTILINE | Pattern.DOTALL)
            .matcher(ptx);
    while (entries.find()) {
      kernels.put(entries.group(1), Kernel.of(entries.group(1), entries.group(2)));
    }
    return kernels;
  }

  private static String verb(String operation) {
    return operation.substring(0, operation.indexOf('.'));
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(file.toString(), e);
    }
  }
}
