package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.HyperParameter;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.cpu.CpuBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The native kernels against the witness by bits: every rule, size, placement, instruction set and
 * number of threads gives the same.
 */
class ParityTest {
  private static final long SEED = 42;
  private static final int STEPS = 3;

  /**
   * Around a vector, a block of a GPU, and its chunks; the ragged ones are one more and one less.
   */
  private static final int[] SIZES = {
    0, 1, 15, 16, 17, 127, 128, 129, 4095, 4096, 4097, 65535, 65536, 65537
  };

  private static final int LARGEST = 65537;

  /**
   * All sizes in one step, the largest twice: 274,866 elements, past what sleeping threads are
   * woken for.
   */
  private static final int[] TOGETHER =
      IntStream.concat(IntStream.of(SIZES), IntStream.of(LARGEST)).toArray();

  /** Tensors of one step show different cells, so that mixed up tensors are seen. */
  private static final int STRIDE = 97;

  private static final int CELLS = LARGEST + STRIDE * TOGETHER.length;

  /**
   * Where arrays are, in floats from a 64-byte boundary: parameter, gradient and three states.
   *
   * @param heapArrays how many of the five, from the front, are {@code float[]}
   */
  private record Placement(String name, int heapArrays, List<Integer> offsets) {}

  private static final List<Placement> PLACEMENTS =
      List.of(
          new Placement("native, aligned", 0, List.of(0, 0, 0, 0, 0)),
          new Placement("native, all off by 1", 0, List.of(1, 1, 1, 1, 1)),
          new Placement("native, off by 0 to 3", 0, List.of(1, 2, 3, 0, 1)),
          new Placement("native, gradient alone off by 1", 0, List.of(0, 1, 0, 0, 0)),
          new Placement("native, off by up to 15", 0, List.of(15, 7, 5, 11, 13)),
          new Placement("heap", 5, List.of(0, 0, 0, 0, 0)),
          new Placement("heap, off by 0 to 3", 5, List.of(3, 1, 2, 0, 3)),
          new Placement("heap, states native", 2, List.of(2, 0, 0, 0, 0)));

  private static final List<CpuBackend> BACKENDS = new ArrayList<>();
  private static Arena arena;

  @BeforeAll
  static void open() {
    System.out.println("ParityTest: seed " + SEED + ", " + CpuBackend.supportedIsas());
    arena = Arena.ofShared();
    for (String isa : CpuBackend.supportedIsas()) {
      for (int threads = 1; threads <= 3; threads++) {
        BACKENDS.add(new CpuBackend(threads, Optional.of(isa)));
      }
    }
  }

  @AfterAll
  static void close() {
    BACKENDS.forEach(CpuBackend::close);
    BACKENDS.clear();
    arena.close();
  }

  @TestFactory
  Stream<DynamicTest> kernelsEqualTheWitnessBitForBit() {
    List<List<GuardedArray>> rooms = PLACEMENTS.stream().map(p -> rooms(p, 1)).toList();
    return RulesUnderTest.ALL.stream()
        .map(rule -> DynamicTest.dynamicTest(rule.name(), () -> checkSizes(rule, rooms)));
  }

  @TestFactory
  Stream<DynamicTest> manyTensorsOfOneStepEqualTheWitnessBitForBit() {
    List<List<GuardedArray>> rooms =
        PLACEMENTS.stream().map(p -> rooms(p, TOGETHER.length)).toList();
    return RulesUnderTest.ALL.stream()
        .map(rule -> DynamicTest.dynamicTest(rule.name(), () -> checkTogether(rule, rooms)));
  }

  @TestFactory
  Stream<DynamicTest> coefficientsOfAnyStepEqualTheWitnessBitForBit() {
    List<GuardedArray> room = rooms(PLACEMENTS.getFirst(), 1);
    return RulesUnderTest.ALL.stream()
        .map(rule -> DynamicTest.dynamicTest(rule.name(), () -> checkLateSteps(rule, room)));
  }

  /** Parameter, gradient and states of one tensor after the other. */
  private static List<GuardedArray> rooms(Placement placement, int tensors) {
    List<GuardedArray> rooms = new ArrayList<>();
    for (int tensor = 0; tensor < tensors; tensor++) {
      int largest = tensors == 1 ? LARGEST : TOGETHER[tensor];
      for (int array = 0; array < placement.offsets().size(); array++) {
        int offset = placement.offsets().get(array);
        int elements = GuardedArray.slabElements(largest, offset);
        MemorySegment slab =
            array < placement.heapArrays()
                ? MemorySegment.ofArray(new float[elements])
                : arena.allocate((long) elements * Float.BYTES, 64);
        rooms.add(new GuardedArray(slab, offset));
      }
    }
    return rooms;
  }

  private static void checkSizes(RuleUnderTest rule, List<List<GuardedArray>> rooms) {
    ParityInputs inputs = inputs(rule, 1);
    for (CpuBackend backend : BACKENDS) {
      try (CpuKernel kernel = new CpuKernel(backend, rule, 1)) {
        for (int placement = 0; placement < rooms.size(); placement++) {
          for (int size : SIZES) {
            String what =
                "%s on %s, %s, %d elements"
                    .formatted(rule, backend.description(), PLACEMENTS.get(placement).name(), size);
            check(kernel, inputs, 1, new int[] {size}, rooms.get(placement), what);
          }
        }
      }
    }
  }

  private static void checkTogether(RuleUnderTest rule, List<List<GuardedArray>> rooms) {
    ParityInputs inputs = inputs(rule, 1);
    for (CpuBackend backend : BACKENDS) {
      try (CpuKernel kernel = new CpuKernel(backend, rule, TOGETHER.length)) {
        for (int placement = 0; placement < rooms.size(); placement++) {
          String what =
              "%s on %s, %s, all sizes"
                  .formatted(rule, backend.description(), PLACEMENTS.get(placement).name());
          check(kernel, inputs, 1, TOGETHER, rooms.get(placement), what);
        }
      }
    }
  }

  private static void checkLateSteps(RuleUnderTest rule, List<GuardedArray> room) {
    for (long step : new long[] {2, 4, 31, 1000, 999_999, (1L << 31) - 1, 1L << 40}) {
      ParityInputs inputs = inputs(rule, step);
      for (CpuBackend backend : BACKENDS) {
        try (CpuKernel kernel = new CpuKernel(backend, rule, 1)) {
          String what = "%s on %s, step %d".formatted(rule, backend.description(), step);
          check(kernel, inputs, step, new int[] {129}, room, what);
        }
      }
    }
  }

  private static ParityInputs inputs(RuleUnderTest rule, long step) {
    int states = rule.oracle().states(rule.settings()).size();
    SplittableRandom random = new SplittableRandom(SEED ^ rule.name().hashCode() ^ step);
    int cells = step == 1 ? CELLS : STRIDE + 129;
    ParityInputs inputs = ParityInputs.of(rule, random, cells, step, STEPS, states);
    assertTrue(
        inputs.shareAlive() > 0.5 || rule.settings().get(HyperParameter.LR) == 0,
        () -> "most cells must change and stay finite, did %s".formatted(inputs.shareAlive()));
    return inputs;
  }

  /** Tensors of these sizes, in {@code rooms}, take the steps. */
  private static void check(
      CpuKernel kernel,
      ParityInputs inputs,
      long firstStep,
      int[] sizes,
      List<GuardedArray> rooms,
      String what) {
    List<CpuKernel.Arrays> tensors = new ArrayList<>();
    for (int t = 0; t < sizes.length; t++) {
      List<GuardedArray> room = rooms.subList(5 * t, 5 * t + 5);
      int from = STRIDE * t;
      int size = sizes[t];
      tensors.add(
          new CpuKernel.Arrays(
              room.get(0).fill(inputs.before(0), from, size),
              room.get(1).fill(inputs.gradient(0), from, size),
              IntStream.rangeClosed(1, inputs.states())
                  .mapToObj(s -> room.get(1 + s).fill(inputs.before(s), from, size))
                  .toList()));
    }
    try (PreparedStep prepared = kernel.prepare(tensors, firstStep)) {
      for (int step = 0; step < inputs.steps(); step++) {
        for (int t = 0; t < sizes.length; t++) {
          rooms.get(5 * t + 1).set(inputs.gradient(step), STRIDE * t, sizes[t]);
        }
        prepared.verify();
        prepared.run(false);
      }
    }
    for (int t = 0; t < sizes.length; t++) {
      List<GuardedArray> room = rooms.subList(5 * t, 5 * t + 5);
      int from = STRIDE * t;
      room.get(0).check(inputs.after(0), from, sizes[t], what + ", parameter");
      room.get(1).check(inputs.gradient(inputs.steps() - 1), from, sizes[t], what + ", gradient");
      for (int s = 1; s <= inputs.states(); s++) {
        room.get(1 + s).check(inputs.after(s), from, sizes[t], what + ", state " + s);
      }
    }
  }
}
