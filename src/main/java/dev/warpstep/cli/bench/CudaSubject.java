package dev.warpstep.cli.bench;

import dev.warpstep.Parameter;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.unfused.cuda.CudaUnfusedOptimizer;
import dev.warpstep.unfused.cuda.CudaWorkplace;
import dev.warpstep.unfused.cuda.Passes;
import dev.warpstep.unfused.cuda.TensorList;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * A rule on a model on CUDA. A model that the second-level cache could hold is there several times,
 * and each step takes the next copy, so that its arrays come from memory as they do in training.
 */
final class CudaSubject implements Subject {
  private final List<Copy> copies = new ArrayList<>();
  private final Gradients flipping;
  private final Trainee fused;
  private final Map<String, Trainee> unfused = new LinkedHashMap<>();
  private final List<Passes> passes = new ArrayList<>();

  /** One copy of the model, with both optimizers; without unfused ways, their arrays are empty. */
  private record Copy(
      List<Parameter> parameters,
      TensorList gradients,
      TensorList values,
      Fused fused,
      CudaUnfusedOptimizer unfused)
      implements AutoCloseable {
    @Override
    public void close() {
      unfused.close();
      values.close();
      gradients.close();
      fused.close();
    }
  }

  /** Every step is that of the next copy. */
  private final class Rotation implements Trainee {
    private final Consumer<Copy> step;
    private final IntFunction<float[]> values;
    private final boolean exact;
    private int next;

    Rotation(Consumer<Copy> step, IntFunction<float[]> values, boolean exact) {
      this.step = step;
      this.values = values;
      this.exact = exact;
    }

    @Override
    public void step() {
      step.accept(copies.get(next));
      next = next + 1 == copies.size() ? 0 : next + 1;
    }

    @Override
    public long bytesPerStep() {
      return copies.getFirst().fused().bytesPerStep();
    }

    @Override
    public float[] values(int tensor) {
      return values.apply(tensor);
    }

    @Override
    public boolean isExact() {
      return exact;
    }

    @Override
    public void close() {
      // The subject owns the copies.
    }
  }

  CudaSubject(
      CudaPlace place,
      Rule rule,
      Precision precision,
      ModelShape model,
      int copyCount,
      Map<String, CudaPlace.Way> ways) {
    CudaWorkplace workplace = place.workplace();
    long[] counts = model.sizes().stream().mapToLong(Long::longValue).toArray();
    long[] unfusedCounts = ways.isEmpty() ? new long[0] : counts;
    for (int i = 0; i < copyCount; i++) {
      copies.add(copy(place, rule, precision, model, counts, unfusedCounts));
    }
    this.flipping =
        place.gradients(
            precision, copies.stream().flatMap(copy -> copy.parameters().stream()).toList());
    this.fused =
        new Rotation(
            copy -> copy.fused().step(), tensor -> copies.getFirst().fused().values(tensor), true);
    ways.forEach(
        (name, way) -> {
          Passes of = way.of(workplace, counts);
          passes.add(of);
          unfused.put(
              name,
              new Rotation(
                  copy -> copy.unfused().step(of),
                  tensor -> copies.getFirst().values().download(tensor),
                  of.isExact()));
        });
  }

  private static Copy copy(
      CudaPlace place,
      Rule rule,
      Precision precision,
      ModelShape model,
      long[] counts,
      long[] unfusedCounts) {
    CudaWorkplace workplace = place.workplace();
    List<Parameter> parameters = place.parameters(precision, model);
    TensorList gradients =
        TensorList.of(
            workplace,
            parameters.stream().map(p -> JCudaAdapter.gradient(p).orElseThrow()).toList(),
            counts);
    TensorList values = TensorList.zeros(workplace, unfusedCounts);
    try (TensorList fused =
        TensorList.of(workplace, parameters.stream().map(JCudaAdapter::data).toList(), counts)) {
      values.copyFrom(fused);
    }
    return new Copy(
        parameters,
        gradients,
        values,
        new Fused(rule, precision, place.device(), parameters),
        new CudaUnfusedOptimizer(workplace, rule.unfusedOnCuda(), values, gradients));
  }

  @Override
  public Trainee fused() {
    return fused;
  }

  @Override
  public Map<String, Trainee> unfused() {
    return unfused;
  }

  @Override
  public int copies() {
    return copies.size();
  }

  @Override
  public void flip() {
    flipping.flip();
  }

  @Override
  public void close() {
    flipping.close();
    passes.forEach(Passes::close);
    copies.forEach(Copy::close);
  }
}
