package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.warpstep.Adam;
import dev.warpstep.AveragedParameters;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.ParamGroup;
import dev.warpstep.Parameter;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a step asks of the host and of the driver. */
@OnCuda
class CudaHostWorkTest {
  private static final int SIZE = 5;

  /** Get the current context, make ours current, launch, restore. */
  private static final long CALLS_OF_A_STEP = 4;

  /** An Adam over parameters that lie one behind the other in memory of the caller. */
  private static final class Model implements AutoCloseable {
    final CallersMemory memory = new CallersMemory();
    final Device device = Device.cuda();
    final List<Parameter> parameters = new ArrayList<>();
    final long values;
    final long gradients;
    final Optimizer optimizer;

    Model(int tensors, int groups) {
      values = memory.of(new float[tensors * SIZE]);
      gradients = memory.of(new float[tensors * SIZE + 1]);
      for (int i = 0; i < tensors; i++) {
        parameters.add(
            Parameter.ofDeviceMemory(device, "p" + i, values + offset(i), SIZE)
                .gradient(gradients + offset(i)));
      }
      List<ParamGroup> dealt = new ArrayList<>();
      for (int group = 0; group < groups; group++) {
        int from = (int) ((long) group * tensors / groups);
        int to = (int) ((group + 1L) * tensors / groups);
        dealt.add(ParamGroup.of(parameters.subList(from, to)).lr(1e-3 * (group + 1)));
      }
      optimizer = Adam.builder().build(device, dealt.toArray(ParamGroup[]::new));
    }

    static long offset(int tensor) {
      return (long) tensor * SIZE * Float.BYTES;
    }

    @Override
    public void close() {
      optimizer.close();
      device.close();
      memory.close();
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "148, 1", "10000, 1", "465, 465", "10000, 465"})
  void aStepIsOneLaunchAndNothingElse(int tensors, int groups) {
    Simulator simulator = CudaUnderTest.simulator();
    try (Model model = new Model(tensors, groups)) {
      long launches = simulator.launches();
      model.optimizer.step();
      assertEquals(1, simulator.launches() - launches, "launches of the first step");
      for (int step = 0; step < 3; step++) {
        launches = simulator.launches();
        long calls = simulator.calls();
        long copies = simulator.copies();
        long allocations = simulator.allocations();
        long synchronisations = simulator.synchronisations();
        model.optimizer.step();
        assertEquals(1, simulator.launches() - launches, "launches");
        assertEquals(CALLS_OF_A_STEP, simulator.calls() - calls, simulator::trace);
        assertEquals(0, simulator.copies() - copies, "copies");
        assertEquals(0, simulator.allocations() - allocations, "allocations");
        assertEquals(0, simulator.synchronisations() - synchronisations, "synchronisations");
      }
    }
  }

  @Test
  void anAverageAloneIsOneLaunchAndNothingElse() {
    Simulator simulator = CudaUnderTest.simulator();
    try (Model model = new Model(148, 3);
        AveragedParameters ema = AveragedParameters.ema(model.optimizer, 0.5)) {
      model.parameters.forEach(parameter -> parameter.copyFrom(new float[] {1, 2, 3, 4, 5}));
      ema.update();
      model.parameters.forEach(parameter -> parameter.copyFrom(new float[] {3, 2, 1, 0, -1}));
      ema.update();
      model.parameters.forEach(
          parameter -> assertArrayEquals(new float[] {2, 2, 2, 2, 2}, ema.toArray(parameter)));
      long launches = simulator.launches();
      long copies = simulator.copies();
      long allocations = simulator.allocations();
      long synchronisations = simulator.synchronisations();
      ema.update();
      assertEquals(1, simulator.launches() - launches, "launches");
      assertEquals(0, simulator.copies() - copies, "copies");
      assertEquals(0, simulator.allocations() - allocations, "allocations");
      assertEquals(0, simulator.synchronisations() - synchronisations, "synchronisations");
      assertArrayEquals(new float[] {2.5f, 2, 1.5f, 1, 0.5f}, ema.toArray(model.parameters.get(7)));
      model.optimizer.step();
      assertEquals(3, ema.updates());
    }
  }

  /** However many rows or gradients changed. */
  @Test
  void changesAreSentInOneCopyEach() {
    Simulator simulator = CudaUnderTest.simulator();
    try (Model model = new Model(500, 100)) {
      model.optimizer.step();
      model.device.synchronize();

      long copies = simulator.copies();
      model.optimizer.paramGroups().forEach(group -> group.lr(0.5));
      model.optimizer.step();
      assertEquals(1, simulator.copies() - copies, "copies after a change of all learning rates");

      copies = simulator.copies();
      for (int i = 0; i < 500; i++) {
        model.parameters.get(i).gradient(model.gradients + Float.BYTES + Model.offset(i));
      }
      model.optimizer.step();
      assertEquals(1, simulator.copies() - copies, "copies after all gradients moved");

      copies = simulator.copies();
      for (int i = 0; i < 500; i++) {
        model.parameters.get(i).gradient(model.gradients + Float.BYTES + Model.offset(i));
      }
      model.optimizer.step();
      assertEquals(0, simulator.copies() - copies, "copies with the same gradients given again");
    }
  }

  @Test
  void aStepAllocatesNothingOnTheHeap() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Model model = new Model(2, 1)) {
      // Until everything is compiled: the interpreter may allocate what the compiler removes.
      for (int i = 0; i < 12_000; i++) {
        model.optimizer.step();
        if (i % 1_000 == 0) {
          model.device.synchronize();
        }
      }
      long bytes = Long.MAX_VALUE;
      for (int attempt = 0; attempt < 5 && bytes != 0; attempt++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 100; i++) {
          model.optimizer.step();
        }
        bytes = threads.getCurrentThreadAllocatedBytes() - before;
        model.device.synchronize();
      }
      assertEquals(0, bytes, "bytes that 100 steps allocated");
      assertTrue(threads.isThreadAllocatedMemoryEnabled());
    }
  }

  /** The host runs ahead of the device. */
  @Test
  void aStepDoesNotWaitForTheDevice() {
    Simulator simulator = CudaUnderTest.simulator();
    try (Model model = new Model(10, 2)) {
      for (int step = 0; step < 50; step++) {
        model.optimizer.step();
      }
      assertTrue(simulator.pendingOperations() >= 50, "steps wait in the stream");
      model.device.synchronize();
      assertEquals(0, simulator.pendingOperations());
      assertEquals(
          50, model.optimizer.state().get(model.parameters.getFirst()).step().orElseThrow());
    }
  }
}
