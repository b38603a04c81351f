package dev.warpstep.backend.cuda;

import dev.warpstep.backend.Backend;
import dev.warpstep.backend.DeviceStruct;
import dev.warpstep.backend.ElementType;
import dev.warpstep.backend.Entry;
import dev.warpstep.backend.PreparedNorm;
import dev.warpstep.backend.PreparedStep;
import dev.warpstep.backend.Replay;
import dev.warpstep.backend.ScalerState;
import dev.warpstep.backend.StepControl;
import dev.warpstep.backend.Storage;
import dev.warpstep.backend.StoragePool;
import dev.warpstep.backend.Tables;
import dev.warpstep.backend.TensorBinding;
import dev.warpstep.error.CudaUnavailableException;
import dev.warpstep.error.CudaUnavailableException.Reason;
import dev.warpstep.error.DeviceException;
import dev.warpstep.plan.StepPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;

/** One CUDA device: its primary context, the kernels, and a stream for everything. */
public final class CudaBackend implements Backend {
  /** {@code panama} (the default: an eighth of the host time) or {@code jcuda}. */
  public static final String LAUNCHER_PROPERTY = "warpstep.launcher";

  /** Tells for all of them which machine code the driver chose. */
  private static final String KERNEL_OF_NO_RULE = "stream_f32";

  private final CudaContext context;
  private final CudaModule module;
  private final KernelLauncher launcher;
  private final Function<String, Entry> entries;
  private final String description;
  private final int multiprocessors;

  /**
   * @param ordinal of the device, from 0
   * @param stream of the caller to work on, or empty for one of its own
   * @param entries the table of entries, which the kernels themselves do not carry
   * @throws IllegalArgumentException if the stream belongs to another context
   * @throws CudaUnavailableException if there is no such device, or it cannot run the kernels
   * @throws IllegalStateException if the jar lacks its kernels without a reason
   */
  public CudaBackend(int ordinal, OptionalLong stream, Function<String, Entry> entries) {
    byte[] image = CudaKernels.image();
    CudaLibrary.ensureLoaded();
    this.launcher = launcher(System.getProperty(LAUNCHER_PROPERTY, "panama"));
    this.entries = entries;
    int devices;
    try {
      devices = CudaLibrary.deviceCount();
    } catch (DeviceException e) {
      throw unavailable(e);
    }
    if (devices == 0) {
      throw new CudaUnavailableException(Reason.NO_DEVICE, "the driver finds no CUDA device");
    }
    if (ordinal < 0 || ordinal >= devices) {
      throw new CudaUnavailableException(
          Reason.NO_SUCH_DEVICE,
          "CUDA device ordinal must be in [0, %d), was %d".formatted(devices, ordinal));
    }
    try {
      this.context = new CudaContext(ordinal, stream);
    } catch (DeviceException e) {
      throw unavailable(e);
    }
    try {
      int major =
          context.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
      int minor =
          context.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
      this.multiprocessors =
          context.attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
      this.module = new CudaModule(context, image);
      this.description =
          "%s, sm_%d%d, %d multiprocessors, driver CUDA %s, kernels for %s"
              .formatted(
                  context.name(),
                  major,
                  minor,
                  multiprocessors,
                  CudaLibrary.driverVersion(),
                  module.architecture(module.kernel(KERNEL_OF_NO_RULE)));
    } catch (DeviceException e) {
      context.close();
      throw unavailable(e);
    }
  }

  private static CudaUnavailableException unavailable(DeviceException e) {
    boolean noKernel =
        e.code() == CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU
            || e.code() == CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION
            || e.code() == CUresult.CUDA_ERROR_INVALID_PTX;
    return noKernel
        ? new CudaUnavailableException(
            Reason.NO_KERNEL_FOR_ARCHITECTURE,
            "the jar has no kernel that this device and driver can run: " + e.getMessage(),
            e)
        : new CudaUnavailableException(Reason.DRIVER_FAILED, e.getMessage(), e);
  }

  private static KernelLauncher launcher(String name) {
    return switch (name) {
      case "panama" -> new PanamaLauncher();
      case "jcuda" -> new JCudaLauncher();
      default ->
          throw new IllegalArgumentException(
              "%s must be panama or jcuda, was %s".formatted(LAUNCHER_PROPERTY, name));
    };
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public Entry entry(String name) {
    return entries.apply(name);
  }

  @Override
  public StoragePool newPool() {
    checkOpen();
    return new CudaPool(context);
  }

  @Override
  public Storage wrap(long address, ElementType type, long elementCount) {
    checkOpen();
    return DevicePointers.wrap(context, address, type, elementCount);
  }

  @Override
  public boolean accepts(Storage storage) {
    return storage instanceof CudaStorage cuda && cuda.context() == context;
  }

  @Override
  public Tables newTables() {
    checkOpen();
    return new CudaTables(context);
  }

  @Override
  public PreparedStep prepare(
      Entry entry,
      List<StepPlan.Tensor> tensors,
      List<TensorBinding> bindings,
      Tables tables,
      boolean countsStep) {
    checkOpen();
    return new CudaStep(
        context,
        module,
        launcher,
        entry,
        tensors,
        bindings,
        (CudaTables) tables,
        multiprocessors,
        countsStep);
  }

  @Override
  public DeviceStruct newStruct(long sizeBytes) {
    checkOpen();
    return new Upload(context, sizeBytes);
  }

  @Override
  public PreparedNorm prepareNorm(
      List<StepPlan.Tensor> tensors, List<Storage> gradients, StepControl control) {
    checkOpen();
    return new CudaNorm(context, module, launcher, tensors, gradients, control, multiprocessors);
  }

  /** One launch of one block, so that nobody waits for the scale. */
  @Override
  public void updateScaler(ScalerState scaler) {
    checkOpen();
    scaler.struct().send();
    try (Arena arena = Arena.ofConfined()) {
      KernelLauncher.Launch launch =
          launcher.prepare(
              context,
              module.kernel("update_scaler"),
              1,
              0,
              arena.allocateFrom(ValueLayout.JAVA_LONG, scaler.struct().address()));
      context.driver().check("cuLaunchKernel", launch.launch());
    }
  }

  @Override
  public Replay capture(Runnable work) {
    checkOpen();
    return new CudaGraph(context, work);
  }

  @Override
  public void synchronize() {
    checkOpen();
    context.synchronize();
  }

  private void checkOpen() {
    if (context.isClosed()) {
      throw new IllegalStateException("the device is closed");
    }
  }

  @Override
  public boolean isClosed() {
    return context.isClosed();
  }

  @Override
  public void close() {
    context.close();
  }
}
