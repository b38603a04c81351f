package dev.warpstep.cli.bench;

import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.backend.Backend;
import dev.warpstep.backend.cpu.CpuBackend;
import dev.warpstep.backend.cuda.CudaBackend;
import dev.warpstep.unfused.cuda.CublasPasses;
import dev.warpstep.unfused.cuda.CudaWorkplace;
import dev.warpstep.unfused.cuda.ForeachPasses;
import dev.warpstep.unfused.cuda.Passes;
import dev.warpstep.unfused.cuda.PerTensorPasses;
import dev.warpstep.unfused.cuda.RepeatedTile;
import dev.warpstep.unfused.cuda.TensorList;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** A CUDA device. Everything is queued on one stream, and events on it time the device's work. */
public final class CudaPlace implements Place {
  private static final int PROBE_ELEMENTS = 1 << 26;

  /**
   * Fused: values, gradient, two states. Unfused besides: values, two states, a temporary. See
   * {@link CudaSubject}.
   */
  private static final int BYTES_PER_PARAMETER = 32;

  /** A cache keeps nothing of what comes round after twice its size. */
  private static final int CACHES = 2;

  private static final int MOST_COPIES = 256;
  private static final double USABLE = 0.9;

  private final CudaWorkplace workplace;
  private final Map<String, Way> ways = new LinkedHashMap<>();

  /**
   * Opens a device.
   *
   * @param ordinal of the device, from 0
   * @throws dev.warpstep.DeviceUnavailableException if it is not available
   */
  public CudaPlace(int ordinal) {
    this.workplace = new CudaWorkplace(ordinal);
    ways.put("per tensor", (stream, counts) -> new PerTensorPasses(stream, counts.length));
    if (Cublas.whyAbsent().isEmpty()) {
      ways.put("cublas", CublasPasses::new);
    }
    ways.put("foreach", ForeachPasses::new);
  }

  /** The stream, and what belongs to it. */
  public CudaWorkplace workplace() {
    return workplace;
  }

  @Override
  public String name() {
    return workplace.device().name();
  }

  @Override
  public String description() {
    return workplace.device().description();
  }

  @Override
  public int threads() {
    return 0;
  }

  /** Four arrays in half of the free memory, at most. */
  @Override
  public int probeElements() {
    return (int) Math.min(PROBE_ELEMENTS, workplace.freeBytes() / (8 * Float.BYTES));
  }

  @Override
  public Contender copy(int elements) {
    long[] counts = {elements};
    TensorList from = TensorList.zeros(workplace, counts);
    TensorList to = TensorList.zeros(workplace, counts);
    return new Contender() {
      @Override
      public void step() {
        to.copyFrom(from);
      }

      @Override
      public long bytesPerStep() {
        return 2L * Float.BYTES * elements;
      }

      @Override
      public void close() {
        from.close();
        to.close();
      }
    };
  }

  @Override
  public StreamProbe stream(int elements) {
    return new StreamProbe(newBackend(), List.of((long) elements), false);
  }

  @Override
  public Device device() {
    return workplace.device();
  }

  /** On the same stream. */
  @Override
  public Backend newBackend() {
    return new CudaBackend(
        workplace.ordinal(), OptionalLong.of(workplace.streamHandle()), CpuBackend::entryOf);
  }

  @Override
  public Subject subject(Rule rule, ModelShape model) {
    return new CudaSubject(this, rule, Precision.FP32, model, copies(Precision.FP32, model), ways);
  }

  @Override
  public Subject fused(Rule rule, Precision precision, ModelShape model) {
    return new CudaSubject(this, rule, precision, model, copies(precision, model), Map.of());
  }

  @Override
  public List<Parameter> parameters(Precision precision, ModelShape model) {
    List<Parameter> parameters = new ArrayList<>();
    for (long size : model.sizes()) {
      parameters.add(precision.allocate(workplace.device(), "parameter" + parameters.size(), size));
    }
    long[] counts = parameters.stream().mapToLong(Parameter::elementCount).toArray();
    MemorySegment values = Values.encoded(Values.tile(), precision.dtype());
    try (RepeatedTile tile =
        new RepeatedTile(workplace, values, precision.dtype().sizeBytes(), counts)) {
      tile.fill(parameters.stream().map(JCudaAdapter::data).toList());
    }
    gradients(precision, parameters).close();
    return parameters;
  }

  @Override
  public Gradients gradients(Precision precision, List<Parameter> parameters) {
    return new CudaGradients(workplace, precision, parameters);
  }

  /** Makes the passes of an unfused way. */
  public interface Way {
    /** For tensors with so many elements each. */
    Passes of(CudaWorkplace workplace, long[] counts);
  }

  /** Copies that a model needs for its steps to find nothing in the cache. */
  public int copies(Precision precision, ModelShape model) {
    // Of the fused step, the smallest: values, gradient and one state.
    long bytes = 3L * precision.dtype().sizeBytes() * Math.max(1, model.parameterCount());
    return (int) Math.min(MOST_COPIES, Math.ceilDiv(CACHES * workplace.cacheBytes(), bytes) + 1);
  }

  @Override
  public boolean fits(ModelShape model) {
    // What fills the tensors is as large as the largest of them, and gone when steps begin.
    long largest = model.sizes().stream().mapToLong(Long::longValue).max().orElse(0);
    double bytes =
        (double) BYTES_PER_PARAMETER * model.parameterCount() * copies(Precision.FP32, model)
            + Float.BYTES * largest;
    return bytes <= USABLE * workplace.freeBytes();
  }

  @Override
  public long mostParameters() {
    return 400_000_000;
  }

  @Override
  public void startClock() {
    workplace.startClock();
  }

  @Override
  public double stopClock() {
    return workplace.stopClock();
  }

  @Override
  public void close() {
    workplace.close();
  }
}
