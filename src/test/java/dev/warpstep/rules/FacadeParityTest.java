package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.warpstep.Device;
import dev.warpstep.HyperParameter;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.ParameterState;
import dev.warpstep.backend.cpu.CpuBackend;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The façade against the witness by bits, from fresh state: that it selects the right kernel, fills
 * its row in the right order, and hands over every kind of memory.
 */
class FacadeParityTest {
  private static final long SEED = 4711;
  private static final int STEPS = 4;

  /** Before this step the learning rate changes. */
  private static final int CHANGE = 3;

  private static final int[] SIZES = {1, 0, 17, 4097, 128, 20_000};

  /** How a user can hold values. */
  private enum Memory {
    ARRAY,
    HEAP_BUFFER,
    DIRECT_BUFFER,
    SHARED_SEGMENT,
    CONFINED_SEGMENT;

    /** Memory for some values, one float off a boundary where it can be. */
    MemorySegment allocate(int elements, Arena shared, Arena confined) {
      long bytes = (elements + 1L) * Float.BYTES;
      MemorySegment room =
          switch (this) {
            case ARRAY, HEAP_BUFFER -> MemorySegment.ofArray(new float[elements + 1]);
            case DIRECT_BUFFER -> MemorySegment.ofBuffer(ByteBuffer.allocateDirect((int) bytes));
            case SHARED_SEGMENT -> shared.allocate(bytes, 64);
            case CONFINED_SEGMENT -> confined.allocate(bytes, 64);
          };
      return room.asSlice(Float.BYTES);
    }

    /** As the buffer that a user would pass, if it is one. */
    Optional<FloatBuffer> buffer(MemorySegment segment) {
      return switch (this) {
        case HEAP_BUFFER -> {
          float[] array = (float[]) segment.heapBase().orElseThrow();
          yield Optional.of(FloatBuffer.wrap(array).slice(1, array.length - 1));
        }
        case DIRECT_BUFFER ->
            Optional.of(segment.asByteBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer());
        case ARRAY, SHARED_SEGMENT, CONFINED_SEGMENT -> Optional.empty();
      };
    }
  }

  /** One parameter and what the witness makes of it. */
  private static final class Tensor {
    final Memory memory;
    final MemorySegment values;
    final Parameter parameter;
    final float[] expected;
    final float[][] expectedStates;
    MemorySegment gradient = MemorySegment.NULL;

    Tensor(Memory memory, int size, int states, SplittableRandom random, Arena[] arenas) {
      this.memory = memory;
      expected = values(size, random);
      expectedStates = new float[states][size];
      values = memory.allocate(size, arenas[0], arenas[1]);
      values.copyFrom(MemorySegment.ofArray(expected));
      String name = memory + " " + size;
      parameter =
          memory
              .buffer(values)
              .map(buffer -> Parameter.of(name, buffer))
              .orElseGet(() -> Parameter.of(name, values));
    }

    /** Other values in the same memory, or in memory that was not seen before. */
    void setGradient(float[] next, boolean moved, Arena[] arenas) {
      if (moved) {
        gradient = memory.allocate(next.length, arenas[0], arenas[1]);
        memory
            .buffer(gradient)
            .ifPresentOrElse(parameter::gradient, () -> parameter.gradient(gradient));
      }
      gradient.copyFrom(MemorySegment.ofArray(next));
    }
  }

  @BeforeAll
  static void printSeed() {
    System.out.println("FacadeParityTest: seed " + SEED);
  }

  @TestFactory
  Stream<DynamicTest> optimizersEqualTheWitnessBitForBit() {
    return RulesUnderTest.ALL.stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.name(),
                    () -> {
                      for (String isa : CpuBackend.supportedIsas()) {
                        check(rule, isa);
                      }
                    }));
  }

  private static void check(RuleUnderTest rule, String isa) {
    SplittableRandom random = new SplittableRandom(SEED ^ rule.name().hashCode());
    try (Arena shared = Arena.ofShared();
        Arena confined = Arena.ofConfined();
        Device device = deviceWith(isa)) {
      Arena[] arenas = {shared, confined};
      List<Tensor> tensors = new ArrayList<>();
      int states = rule.oracle().states(rule.settings()).size();
      for (Memory memory : Memory.values()) {
        for (int size : SIZES) {
          tensors.add(new Tensor(memory, size, states, random, arenas));
        }
      }
      List<Parameter> parameters = tensors.stream().map(tensor -> tensor.parameter).toList();
      try (Optimizer optimizer = rule.builder().get().build(device, parameters)) {
        Settings settings = rule.settings();
        for (int step = 1; step <= STEPS; step++) {
          if (step == CHANGE) {
            settings = halvedRate(settings);
            optimizer.paramGroups().getFirst().lr(settings.get(HyperParameter.LR));
          }
          for (Tensor tensor : tensors) {
            float[] gradient = values(tensor.expected.length, random);
            tensor.setGradient(gradient, step % 2 == 1, arenas);
            rule.witness().step(settings, step, tensor.expected, gradient, tensor.expectedStates);
          }
          optimizer.step();
        }
        compare(rule, optimizer, tensors);
      }
    }
  }

  private static Device deviceWith(String isa) {
    System.setProperty(CpuBackend.ISA_PROPERTY, isa);
    try {
      Device device = Device.cpu(2);
      assertEquals("CPU, %s, 2 threads".formatted(isa), device.description());
      return device;
    } finally {
      System.clearProperty(CpuBackend.ISA_PROPERTY);
    }
  }

  private static Settings halvedRate(Settings settings) {
    Map<HyperParameter, Double> values = new EnumMap<>(settings.values());
    values.merge(HyperParameter.LR, 0.5, (lr, half) -> lr * half);
    return new Settings(values);
  }

  private static void compare(RuleUnderTest rule, Optimizer optimizer, List<Tensor> tensors) {
    List<String> names = rule.oracle().states(rule.settings());
    Map<Parameter, ParameterState> states = optimizer.state();
    for (Tensor tensor : tensors) {
      String what = "%s on %s, %s".formatted(rule, optimizer.device(), tensor.parameter);
      equal(tensor.expected, tensor.values.toArray(ValueLayout.JAVA_FLOAT), what);
      for (int s = 0; s < names.size(); s++) {
        ParameterState state = states.get(tensor.parameter);
        equal(
            tensor.expectedStates[s],
            state.tensor(names.get(s)).toArray(),
            what + ", " + names.get(s));
      }
    }
  }

  private static void equal(float[] expected, float[] actual, String what) {
    assertEquals(expected.length, actual.length, what);
    for (int i = 0; i < expected.length; i++) {
      if (Float.floatToIntBits(expected[i]) != Float.floatToIntBits(actual[i])) {
        fail(
            "%s: element %d is %s, the witness says %s"
                .formatted(what, i, Float.toHexString(actual[i]), Float.toHexString(expected[i])));
      }
    }
  }

  private static float[] values(int size, SplittableRandom random) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      float mantissa = Float.intBitsToFloat(0x3F800000 | (random.nextInt() & 0x807FFFFF));
      values[i] = Math.scalb(mantissa, random.nextInt(-20, 4));
    }
    return values;
  }
}
