package dev.warpstep.backend.cuda;

import dev.warpstep.backend.DeviceStruct;
import dev.warpstep.backend.NormSettings;
import dev.warpstep.backend.PreparedNorm;
import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.bindings.WsFormat;
import dev.warpstep.backend.cuda.bindings.WsChunk;
import dev.warpstep.backend.cuda.bindings.WsNormLaunch;
import dev.warpstep.backend.cuda.bindings.WsTensor;
import dev.warpstep.error.DeviceException;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A norm pass as one launch. The table on the device:
 *
 * <pre>
 *   | WsTensor[tensors] | WsChunk[tiles] | double[tiles] | ticket |
 * </pre>
 */
final class CudaNorm implements PreparedNorm {
  private final CudaContext context;
  private final StepControl control;
  private final Upload plan;
  private final KernelLauncher.Launch norm;
  private final KernelLauncher.Launch infinityNorm;

  CudaNorm(
      CudaContext context,
      CudaModule module,
      KernelLauncher launcher,
      List<StepPlan.Tensor> tensors,
      List<Storage> gradients,
      StepControl control,
      int multiprocessors) {
    this.context = context;
    this.control = control;
    StepPlan cut = StepPlan.of(tensors, CudaModule.LARGEST_CHUNK);
    long tilesAt = WsTensor.sizeof() * tensors.size();
    long partialsAt = tilesAt + WsChunk.sizeof() * cut.chunkCount();
    long ticketAt = partialsAt + (long) Double.BYTES * cut.chunkCount();
    this.plan = new Upload(context, ticketAt + Long.BYTES);
    for (int i = 0; i < tensors.size(); i++) {
      MemorySegment tensor = WsTensor.asSlice(plan.host().asSlice(0, tilesAt), i);
      writeGradient(tensor, gradients.get(i));
      WsTensor.element_count(tensor, tensors.get(i).elementCount());
    }
    CudaStep.writeChunks(plan.host().asSlice(tilesAt, partialsAt - tilesAt), cut);
    MemorySegment arguments = WsNormLaunch.allocate(Arena.ofAuto());
    WsNormLaunch.tensors(arguments, plan.address());
    WsNormLaunch.tiles(arguments, plan.address() + tilesAt);
    WsNormLaunch.partials(arguments, plan.address() + partialsAt);
    WsNormLaunch.control(arguments, control.address());
    WsNormLaunch.ticket(arguments, plan.address() + ticketAt);
    WsNormLaunch.tile_count(arguments, cut.chunkCount());
    int blocks =
        Math.clamp(cut.chunkCount(), 1, multiprocessors * CudaModule.BLOCKS_PER_MULTIPROCESSOR);
    try {
      this.norm = launcher.prepare(context, module.kernel("norm_pass"), blocks, 0, arguments);
      this.infinityNorm =
          launcher.prepare(context, module.kernel("infinity_norm_pass"), blocks, 0, arguments);
    } catch (DeviceException e) {
      close();
      throw e;
    }
  }

  @Override
  public void moveGradient(int tensor, Storage gradient) {
    long begin = WsTensor.sizeof() * tensor;
    writeGradient(plan.host().asSlice(begin, WsTensor.sizeof()), gradient);
    plan.touch(begin, begin + WsTensor.sizeof());
  }

  private static void writeGradient(MemorySegment tensor, Storage gradient) {
    WsTensor.gradient(tensor, CudaStep.address(gradient));
    WsFormat.gradient(WsTensor.format(tensor), (byte) gradient.type().code());
  }

  @Override
  public void send() {
    NormSettings settings = control.settings();
    send(settings.scaler());
    send(settings.average());
    control.send();
    plan.send();
  }

  @Override
  public void run() {
    send();
    KernelLauncher.Launch launch = control.settings().infinityNorm() ? infinityNorm : norm;
    context.driver().check("cuLaunchKernel", launch.launch());
  }

  private static void send(Optional<DeviceStruct> struct) {
    if (struct.isPresent()) {
      struct.get().send();
    }
  }

  @Override
  public void close() {
    plan.close();
  }
}
