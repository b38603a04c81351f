package dev.warpstep.benchmarks;

import dev.warpstep.AdamW;
import dev.warpstep.AveragedParameters;
import dev.warpstep.GradScaler;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.StepOptions;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.cli.bench.Contender;
import dev.warpstep.cli.bench.CpuPlace;
import dev.warpstep.cli.bench.CudaPlace;
import dev.warpstep.cli.bench.Gradients;
import dev.warpstep.cli.bench.ModelShape;
import dev.warpstep.cli.bench.Place;
import dev.warpstep.cli.bench.Precision;
import dev.warpstep.unfused.Tensor;
import dev.warpstep.unfused.UnfusedFullStep;
import dev.warpstep.unfused.UnfusedOptimizer.Passes;
import dev.warpstep.unfused.cuda.CublasFullStep;
import dev.warpstep.unfused.cuda.CublasPasses;
import dev.warpstep.unfused.cuda.TensorList;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * A whole training step after the backward pass: unscale, finite check, global-norm clip, AdamW,
 * moving average, zeroed gradients. Gradients have to be filled anew before each step.
 */
public final class FullStep implements Contender {
  private static final double LR = 1e-3;
  private static final double WEIGHT_DECAY = 1e-2;
  private static final double MAX_NORM = 1;
  private static final double AVERAGE_DECAY = 0.999;

  /** PyTorch's default; the gradients are what they are, and small after it is taken away. */
  private static final double SCALE = 65_536;

  /** More than the roundings of two steps with {@link #LR} can be apart. */
  private static final float TOLERANCE = 1e-6f;

  private final List<AutoCloseable> owned = new ArrayList<>();
  private final Gradients gradients;
  private final long bytes;
  private final List<Parameter> parameters;
  private Runnable step;
  private IntFunction<float[]> values;

  /** How it is done. */
  public enum Way {
    /** By this library. */
    FUSED,
    /** One pass per operation; on CUDA tensor by tensor, with cuBLAS. Only in fp32. */
    UNFUSED,
    /** One arithmetic operation a pass. Only in fp32, and on the CPU. */
    ELEMENTARY;

    String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  FullStep(Place place, Precision precision, ModelShape model, Way way) {
    this.bytes = precision.bytesPerParameterOfFullStep() * model.parameterCount();
    boolean onHeap = way != Way.FUSED && place instanceof CpuPlace;
    this.parameters = onHeap ? CpuPlace.onHeap(model) : place.parameters(precision, model);
    this.gradients = place.gradients(precision, parameters);
    owned.add(gradients);
    if (way == Way.FUSED) {
      fuse(place, precision);
    } else if (precision != Precision.FP32) {
      throw new IllegalArgumentException("only fp32 has an unfused step, was " + precision.key());
    } else {
      UnfusedFullStep.Settings settings =
          new UnfusedFullStep.Settings(LR, WEIGHT_DECAY, SCALE, MAX_NORM, AVERAGE_DECAY);
      if (place instanceof CudaPlace cuda) {
        unfuse(cuda, settings);
      } else {
        Passes passes = way == Way.UNFUSED ? Passes.COMPOUND : Passes.ELEMENTARY;
        unfuse(place.threads(), passes, settings);
      }
    }
    owned.addAll(parameters);
  }

  private void fuse(Place place, Precision precision) {
    Optimizer adamw =
        precision
            .configure(AdamW.builder().lr(LR).weightDecay(WEIGHT_DECAY))
            .build(place.device(), parameters);
    GradScaler scaler = GradScaler.builder().initScale(SCALE).build(place.device());
    AveragedParameters ema = AveragedParameters.ema(adamw, AVERAGE_DECAY);
    owned.addAll(List.of(ema, scaler, adamw));
    StepOptions options =
        StepOptions.builder()
            .gradScaler(scaler)
            .maxNorm(MAX_NORM)
            .average(ema)
            .zeroGrad(true)
            .build();
    step = () -> adamw.step(options);
    values = tensor -> parameters.get(tensor).toArray();
  }

  private void unfuse(int threads, Passes passes, UnfusedFullStep.Settings settings) {
    List<Tensor> tensors =
        parameters.stream()
            .map(p -> new Tensor(p.name(), array(p.data()), array(p.gradient().orElseThrow())))
            .toList();
    UnfusedFullStep unfused = new UnfusedFullStep(tensors, settings, threads);
    step = () -> unfused.step(passes);
    values = tensor -> tensors.get(tensor).values();
  }

  private static float[] array(MemorySegment segment) {
    return (float[]) segment.heapBase().orElseThrow();
  }

  private void unfuse(CudaPlace place, UnfusedFullStep.Settings settings) {
    long[] counts = parameters.stream().mapToLong(Parameter::elementCount).toArray();
    TensorList data =
        TensorList.of(
            place.workplace(), parameters.stream().map(JCudaAdapter::data).toList(), counts);
    TensorList of =
        TensorList.of(
            place.workplace(),
            parameters.stream().map(p -> JCudaAdapter.gradient(p).orElseThrow()).toList(),
            counts);
    CublasPasses passes = new CublasPasses(place.workplace(), counts);
    CublasFullStep unfused = new CublasFullStep(place.workplace(), passes, data, of, settings);
    owned.addAll(List.of(unfused, passes, data, of));
    step = unfused::step;
    values = data::download;
  }

  /** Fills the gradients. */
  void refill() {
    gradients.flip();
  }

  @Override
  public void step() {
    step.run();
  }

  /** Where two steps of this and of another one, from the start, differ by more than roundings. */
  Optional<String> difference(FullStep other) {
    for (int i = 0; i < 2; i++) {
      refill();
      step();
      other.refill();
      other.step();
    }
    for (int tensor = 0; tensor < parameters.size(); tensor++) {
      float[] ours = values.apply(tensor);
      float[] its = other.values.apply(tensor);
      for (int i = 0; i < ours.length; i++) {
        if (!(Math.abs(ours[i] - its[i]) <= TOLERANCE)) {
          return Optional.of(
              "element %d of tensor %d must be %s, was %s".formatted(i, tensor, ours[i], its[i]));
        }
      }
    }
    return Optional.empty();
  }

  @Override
  public long bytesPerStep() {
    return bytes;
  }

  @Override
  public void close() {
    for (AutoCloseable closeable : owned) {
      try {
        closeable.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close " + closeable, e);
      }
    }
  }
}
