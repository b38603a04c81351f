package dev.warpstep;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

final class ParameterTest {
  private final Device device = Device.cpu(2);

  private static void assertRefused(String message, Runnable action) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
  }

  private void stepOf(Parameter parameter) {
    try (SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter))) {
      sgd.step();
    }
  }

  @Test
  void updatesArraysBuffersAndSegmentsInPlace() {
    float[] array = {1, 2, 3};
    stepOf(Parameter.of("array", array).gradient(new float[] {1, 1, 1}));
    assertArrayEquals(new float[] {0, 1, 2}, array);

    FloatBuffer direct =
        ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder()).asFloatBuffer();
    direct.put(new float[] {5, 1, 2, 3}).position(1);
    stepOf(
        Parameter.of("direct", direct).gradient(FloatBuffer.wrap(new float[] {9, 1, 1, 1}, 1, 3)));
    assertArrayEquals(
        new float[] {5, 0, 1, 2},
        MemorySegment.ofBuffer(direct.rewind()).toArray(ValueLayout.JAVA_FLOAT));

    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 7, 1, 2, 3);
      MemorySegment gradient = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 1, 1);
      stepOf(Parameter.of("segment", data.asSlice(4)).gradient(gradient));
      assertArrayEquals(new float[] {7, 0, 1, 2}, data.toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  @Test
  void takesItsShapeFromTheDataUnlessTold() {
    assertEquals(List.of(6L), Parameter.of("p", new float[6]).shape());
    assertEquals(List.of(2L, 3L), Parameter.of("p", new float[6], 2, 3).shape());
    assertEquals(List.of(0L), Parameter.of("p", new float[0]).shape());
    assertEquals(1, Parameter.allocate(device, "scalar").elementCount());
  }

  @Test
  void refusesMemoryThatIsNotFp32() {
    assertRefused("a parameter's name must not be blank", () -> Parameter.of(" ", new float[1]));
    assertRefused(
        "parameter p: data must have the 6 elements of shape [2, 3], had 5",
        () -> Parameter.of("p", new float[5], 2, 3));
    assertRefused(
        "parameter p: dimensions must not be negative, shape was [-1]",
        () -> Parameter.of("p", new float[1], -1));
    assertRefused(
        "parameter p: shape [4611686018427387904, 4] is too large",
        () -> Parameter.allocate(device, "p", 1L << 62, 4));
    assertRefused(
        "parameter p: shape [4611686018427387904] is too large",
        () -> Parameter.allocate(device, "p", 1L << 62));
    assertRefused(
        "parameter p: must be writable, was read-only memory",
        () -> Parameter.of("p", MemorySegment.ofArray(new float[2]).asReadOnly()));
    assertRefused(
        "parameter p: must be native memory or a float[], was byte[]",
        () -> Parameter.of("p", MemorySegment.ofArray(new byte[8])));
    assertRefused(
        "parameter p: must hold whole FLOAT32 values, was 7 bytes long",
        () -> Parameter.of("p", Arena.ofAuto().allocate(7, 4)));
    MemorySegment misaligned = Arena.ofAuto().allocate(16, 16).asSlice(2, 8);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> Parameter.of("p", misaligned))
            .getMessage()
            .startsWith("parameter p: must be aligned to 4 bytes, was at address 0x"));
    ByteOrder foreign =
        ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
            ? ByteOrder.BIG_ENDIAN
            : ByteOrder.LITTLE_ENDIAN;
    assertRefused(
        "parameter p: buffer must be in native byte order %s, was %s"
            .formatted(ByteOrder.nativeOrder(), foreign),
        () -> Parameter.of("p", ByteBuffer.allocateDirect(8).order(foreign).asFloatBuffer()));
  }

  @Test
  void refusesGradientsOfAnotherLengthAndKeepsTheOldOne() {
    Parameter parameter = Parameter.of("p", new float[2]).gradient(new float[] {1, 2});
    assertRefused(
        "gradient of parameter p: must have the parameter's 2 elements, had 3",
        () -> parameter.gradient(new float[3]));
    assertRefused(
        "gradient of parameter p: must be native memory or a float[], was double[]",
        () -> parameter.gradient(MemorySegment.ofArray(new double[1])));
    float[] shared = new float[3];
    Parameter overlapped = Parameter.of("o", FloatBuffer.wrap(shared, 0, 2));
    assertRefused(
        "gradient of parameter o: must not overlap the parameter's data",
        () -> overlapped.gradient(FloatBuffer.wrap(shared, 1, 2)));
    assertArrayEquals(
        new float[] {1, 2}, parameter.gradient().orElseThrow().toArray(ValueLayout.JAVA_FLOAT));
  }

  @Test
  void refusesFreedMemoryBeforeAnythingIsUpdated() {
    float[] first = {1};
    Parameter survivor = Parameter.of("survivor", first).gradient(new float[] {1});
    Arena arena = Arena.ofShared();
    Parameter freed = Parameter.of("freed", arena.allocate(4, 4)).gradient(arena.allocate(4, 4));
    try (SGD sgd = SGD.builder().lr(1).build(device, List.of(survivor, freed))) {
      sgd.step();
      arena.close();
      assertEquals(
          "memory of parameter freed was freed before step()",
          assertThrows(IllegalStateException.class, sgd::step).getMessage());
      assertArrayEquals(new float[] {0}, first);
      freed.clearGradient();
      sgd.step();
      assertArrayEquals(new float[] {-1}, first);
    }
    assertThrows(
        IllegalStateException.class,
        () -> Parameter.of("late", MemorySegment.ofArray(new float[1])).gradient(freed.data()));
  }

  @Test
  void memoryThatAGradientLeftMayBeFreed() {
    float[] values = {1};
    Parameter moving = Parameter.of("moving", values);
    Parameter staying = Parameter.of("staying", new float[] {1});
    try (Device device = Device.cpu(1);
        SGD sgd = SGD.builder().lr(1).build(device, List.of(moving, staying))) {
      Arena shared = Arena.ofShared();
      moving.gradient(shared.allocate(4, 4));
      staying.gradient(shared.allocate(4, 4));
      sgd.step();
      Arena next = Arena.ofShared();
      MemorySegment gradient = next.allocate(4, 4);
      gradient.set(ValueLayout.JAVA_FLOAT, 0, 2);
      moving.gradient(gradient);
      sgd.step();
      assertEquals(-1, values[0]);
      shared.close();
      assertEquals(
          "memory of parameter staying was freed before step()",
          assertThrows(IllegalStateException.class, sgd::step).getMessage());
      staying.gradient(new float[1]);
      sgd.step();
      assertEquals(-3, values[0]);
      next.close();
      assertEquals(
          "memory of parameter moving was freed before step()",
          assertThrows(IllegalStateException.class, sgd::step).getMessage());
      moving.gradient(new float[] {4});
      sgd.step();
      assertEquals(-7, values[0]);
    }
  }

  @Test
  void lendsConfinedMemoryToTheDevicesThreads() {
    try (Arena arena = Arena.ofConfined()) {
      int elements = 1 << 17;
      MemorySegment data = arena.allocate(4L * elements, 4);
      MemorySegment gradient = arena.allocate(4L * elements, 4);
      for (int i = 0; i < elements; i++) {
        gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, i);
      }
      stepOf(Parameter.of("confined", data).gradient(gradient));
      for (int i = 0; i < elements; i++) {
        assertEquals(-i, data.getAtIndex(ValueLayout.JAVA_FLOAT, i), "element " + i);
      }
    }
  }

  @Test
  void refusesToStepOverMemoryConfinedToAnotherThread() throws InterruptedException {
    try (Arena arena = Arena.ofConfined()) {
      Parameter parameter = Parameter.of("p", arena.allocate(4, 4)).gradient(new float[1]);
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread other =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      stepOf(parameter);
                    } catch (WrongThreadException e) {
                      thrown.set(e);
                    }
                  });
      other.join();
      assertEquals(
          "memory of parameter p is confined to another thread than the one that calls step()",
          thrown.get().getMessage());
    }
  }

  /**
   * The freeing thread may win at any point; what must never happen is a crash or a silent skip.
   */
  @Test
  void survivesMemoryThatIsFreedWhileStepping() throws InterruptedException {
    int refused = 0;
    for (int round = 0; round < 200; round++) {
      Arena arena = Arena.ofShared();
      Parameter parameter =
          Parameter.of("p", arena.allocate(1 << 20, 4)).gradient(arena.allocate(1 << 20, 4));
      try (SGD sgd = SGD.builder().build(device, List.of(parameter))) {
        sgd.step();
        Thread closer = Thread.ofPlatform().start(() -> closeWhenFree(arena));
        try {
          while (arena.scope().isAlive()) {
            sgd.step();
          }
        } catch (IllegalStateException e) {
          refused++;
          assertTrue(e.getMessage().contains("was freed"), e.getMessage());
          assertTrue(e.getMessage().contains("p"), e.getMessage());
        }
        closer.join();
        assertThrows(IllegalStateException.class, sgd::step);
      }
    }
    System.out.println("freed while stepping: " + refused + " of 200 steps refused");
  }

  private static void closeWhenFree(Arena arena) {
    while (true) {
      try {
        arena.close();
        return;
      } catch (IllegalStateException e) {
        Thread.onSpinWait(); // a native call holds it open
      }
    }
  }

  @Test
  void followsAGradientInANewArenaEachStep() {
    float[] value = {0};
    Parameter parameter = Parameter.of("p", value);
    try (SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter))) {
      for (int step = 1; step <= 10; step++) {
        try (Arena arena = Arena.ofConfined()) {
          // The allocator hands out the address of the arena before.
          parameter.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1));
          sgd.step();
          assertEquals(-step, value[0]);
        }
      }
    }
  }

  @Test
  void bringsItsOwnGradientBack() {
    try (Parameter parameter = Parameter.allocate(device, "p", 1);
        SGD sgd = SGD.builder().lr(1).build(device, List.of(parameter))) {
      parameter.copyGradientFrom(new float[] {2});
      sgd.zeroGrad();
      sgd.step();
      assertArrayEquals(new float[] {0}, parameter.toArray());
      parameter.restoreGradient();
      sgd.step();
      assertArrayEquals(new float[] {-2}, parameter.toArray());
    }
    Parameter own = Parameter.of("own", new float[1]);
    assertThrows(IllegalStateException.class, own::restoreGradient);
  }

  @Test
  void hasNoDeviceAddressInHostMemory() {
    Parameter parameter = Parameter.of("p", new float[2]);
    assertEquals(
        "parameter p is not in memory of a device",
        assertThrows(IllegalStateException.class, parameter::deviceAddress).getMessage());
  }

  @Test
  void isUnusableAfterClose() {
    Parameter parameter = Parameter.allocate(device, "p", 2);
    MemorySegment data = parameter.data();
    try (SGD sgd = SGD.builder().build(device, List.of(parameter))) {
      sgd.step();
      parameter.close();
      parameter.close();
      assertFalse(data.scope().isAlive());
      for (Runnable use :
          List.<Runnable>of(
              parameter::data,
              parameter::gradient,
              parameter::clearGradient,
              parameter::zeroGradient,
              () -> parameter.gradient(new float[2]),
              sgd::step)) {
        assertEquals(
            "parameter p is closed",
            assertThrows(IllegalStateException.class, use::run).getMessage());
      }
    }
    List<Parameter> parameters = List.of(parameter);
    assertThrows(IllegalStateException.class, () -> SGD.builder().build(device, parameters));
  }
}
