package dev.warpstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.AdamW;
import dev.warpstep.AveragedParameters;
import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.GradScaler;
import dev.warpstep.MasterWeights;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import dev.warpstep.lr.ExponentialLR;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a training in bf16 has besides its gradients goes through a file, and goes on. */
class CheckpointResumeTest {
  private static final int COUNT = 1_001;
  private static final int STEPS = 7;

  @TempDir private Path directory;

  /** AdamW with all that a step can do and a schedule. */
  private static final class Training implements AutoCloseable {
    final short[] values = new short[COUNT];
    final float[] gradient = new float[COUNT];
    final Parameter parameter =
        Parameter.of("w", DType.BFLOAT16, MemorySegment.ofArray(values)).gradient(gradient);
    final Device device = Device.cpu(1);
    final AdamW adamw;
    final GradScaler scaler;
    final AveragedParameters ema;
    final ExponentialLR schedule;
    final StepOptions options;

    Training(MasterWeights masterWeights, long seed) {
      adamw =
          AdamW.builder()
              .lr(0.01)
              .stateDtype(DType.BFLOAT16)
              .masterWeights(masterWeights)
              .stochasticRounding(seed)
              .build(device, List.of(parameter));
      scaler = GradScaler.builder().initScale(8).growthInterval(3).build(device);
      ema = AveragedParameters.ema(adamw, 0.9);
      schedule = new ExponentialLR(adamw, 0.95);
      options =
          StepOptions.builder().gradScaler(scaler).maxNorm(1).average(ema).zeroGrad(true).build();
    }

    void run(int from, int to) {
      for (int step = from; step < to; step++) {
        SplittableRandom random = new SplittableRandom(step);
        for (int i = 0; i < COUNT; i++) {
          gradient[i] = (float) random.nextGaussian();
        }
        if (step == 2) {
          gradient[5] = Float.POSITIVE_INFINITY;
        }
        adamw.step(options);
        schedule.step();
      }
    }

    Checkpoint checkpoint() {
      return Checkpoint.builder(STEPS, adamw.stateDict())
          .scaler(scaler.stateDict())
          .average("ema", ema.stateDict())
          .scheduler("lr", schedule.stateDict())
          .build();
    }

    void resume(Checkpoint checkpoint) {
      adamw.loadStateDict(checkpoint.optimizer());
      scaler.loadStateDict(checkpoint.scaler().orElseThrow());
      ema.loadStateDict(checkpoint.averages().get("ema"));
      schedule.loadStateDict(checkpoint.schedulers().get("lr"));
    }

    @Override
    public void close() {
      ema.close();
      scaler.close();
      adamw.close();
      device.close();
    }
  }

  @ParameterizedTest
  @EnumSource(MasterWeights.class)
  void aTrainingThatGoesOnFromAFileHasTheBitsOfOneThatNeverStopped(MasterWeights masterWeights)
      throws IOException {
    Path file = directory.resolve("stopped.safetensors");
    try (Training straight = new Training(masterWeights, 1);
        Training resumed = new Training(masterWeights, 2)) {
      straight.run(0, STEPS);
      CheckpointFile.save(file, straight.checkpoint());
      System.arraycopy(straight.values, 0, resumed.values, 0, COUNT);
      resumed.resume(CheckpointFile.load(file));
      straight.run(STEPS, 2 * STEPS);
      resumed.run(STEPS, 2 * STEPS);
      assertArrayEquals(straight.values, resumed.values);
      assertArrayEquals(
          straight.ema.toArray(straight.parameter), resumed.ema.toArray(resumed.parameter));
      assertEquals(straight.scaler.stateDict(), resumed.scaler.stateDict());
      assertEquals(straight.schedule.stateDict(), resumed.schedule.stateDict());
    }
  }
}
