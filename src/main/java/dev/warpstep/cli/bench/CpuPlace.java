package dev.warpstep.cli.bench;

import dev.warpstep.DType;
import dev.warpstep.Device;
import dev.warpstep.Parameter;
import dev.warpstep.backend.Backend;
import dev.warpstep.backend.cpu.CpuBackend;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** The processor. What steps do is done when they return, so a clock of the host times them. */
public final class CpuPlace implements Place {
  /** Larger than the caches of any processor. */
  private static final int PROBE_ELEMENTS = 1 << 25;

  /** Values, gradient, and what the unfused steps have besides: as arrays of the heap. */
  private static final int HEAP_BYTES_PER_PARAMETER = 8 + CpuUnfused.BYTES_PER_PARAMETER;

  /** The fused step's states are outside the heap. */
  private static final int BYTES_PER_PARAMETER = HEAP_BYTES_PER_PARAMETER + 8;

  private static final double USABLE = 0.8;

  private final int threads;
  private final Device device;
  private long clockBegin;

  /**
   * Opens the CPU.
   *
   * @throws IllegalArgumentException if {@code threads} is not in [1, 9999]
   */
  public CpuPlace(int threads) {
    this.threads = threads;
    this.device = Device.cpu(threads);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return device.description();
  }

  @Override
  public int threads() {
    return threads;
  }

  @Override
  public int probeElements() {
    return PROBE_ELEMENTS;
  }

  @Override
  public Contender copy(int elements) {
    Arena arena = Arena.ofShared();
    long bytes = (long) Float.BYTES * elements;
    MemorySegment from = arena.allocate(bytes, 64);
    MemorySegment to = arena.allocate(bytes, 64);
    HostGradients.fill(List.of(from, to), Values.encoded(Values.tile(), DType.FLOAT32));
    return new Contender() {
      @Override
      public void step() {
        IntStream.range(0, threads)
            .parallel()
            .forEach(
                share -> {
                  long begin = bytes * share / threads;
                  long length = bytes * (share + 1) / threads - begin;
                  MemorySegment.copy(from, begin, to, begin, length);
                });
      }

      @Override
      public long bytesPerStep() {
        return 2 * bytes;
      }

      @Override
      public void close() {
        arena.close();
      }
    };
  }

  @Override
  public StreamProbe stream(int elements) {
    return new StreamProbe(newBackend(), List.of((long) elements), false);
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public Backend newBackend() {
    return new CpuBackend(
        threads, Optional.ofNullable(System.getProperty(CpuBackend.ISA_PROPERTY)));
  }

  @Override
  public Subject subject(Rule rule, ModelShape model) {
    List<Parameter> parameters = onHeap(model);
    HostGradients gradients = HostGradients.of(Precision.FP32, parameters);
    Fused fused = new Fused(rule, Precision.FP32, device, parameters);
    return new CpuSubject(fused, new CpuUnfused(rule, gradients, threads).ways(), gradients);
  }

  @Override
  public Subject fused(Rule rule, Precision precision, ModelShape model) {
    List<Parameter> parameters = parameters(precision, model);
    Gradients gradients = gradients(precision, parameters);
    return new CpuSubject(new Fused(rule, precision, device, parameters), Map.of(), gradients);
  }

  private record CpuSubject(Fused fused, Map<String, Trainee> unfused, Gradients gradients)
      implements Subject {
    @Override
    public void flip() {
      gradients.flip();
    }

    @Override
    public void close() {
      fused.close();
    }
  }

  @Override
  public List<Parameter> parameters(Precision precision, ModelShape model) {
    List<Parameter> parameters = new ArrayList<>();
    for (long size : model.sizes()) {
      parameters.add(precision.allocate(device, "parameter" + parameters.size(), size));
    }
    HostGradients.fill(
        parameters.stream().map(Parameter::data).toList(),
        Values.encoded(Values.tile(), precision.dtype()));
    gradients(precision, parameters).close();
    return parameters;
  }

  @Override
  public Gradients gradients(Precision precision, List<Parameter> parameters) {
    return HostGradients.of(precision, parameters);
  }

  /** Parameters and gradients as arrays of the caller. */
  public static List<Parameter> onHeap(ModelShape model) {
    List<Parameter> parameters = new ArrayList<>();
    for (long size : model.sizes()) {
      int count = Math.toIntExact(size);
      parameters.add(
          Parameter.of("parameter" + parameters.size(), Values.repeated(Values.tile(), count))
              .gradient(new float[count]));
    }
    return parameters;
  }

  @Override
  public boolean fits(ModelShape model) {
    double parameters = model.parameterCount();
    return parameters * HEAP_BYTES_PER_PARAMETER <= USABLE * Runtime.getRuntime().maxMemory()
        && parameters * BYTES_PER_PARAMETER <= USABLE * availableBytes();
  }

  @Override
  public long mostParameters() {
    return 150_000_000;
  }

  /** As Linux counts it. */
  private static double availableBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/meminfo")).stream()
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToDouble(line -> Double.parseDouble(line.replaceAll("\\D", "")) * 1024)
          .findFirst()
          .orElse(Double.MAX_VALUE);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read /proc/meminfo", e);
    }
  }

  @Override
  public void startClock() {
    clockBegin = System.nanoTime();
  }

  @Override
  public double stopClock() {
    return (System.nanoTime() - clockBegin) / 1e6;
  }

  @Override
  public void close() {
    device.close();
  }
}
