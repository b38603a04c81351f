package dev.warpstep.cli.bench;

import dev.warpstep.Parameter;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.unfused.cuda.CudaUnfusedOptimizer;
import dev.warpstep.unfused.cuda.CudaWorkplace;
import dev.warpstep.unfused.cuda.ForeachPasses;
import dev.warpstep.unfused.cuda.Passes;
import dev.warpstep.unfused.cuda.PerTensorPasses;
import dev.warpstep.unfused.cuda.RepeatedTile;
import dev.warpstep.unfused.cuda.TensorList;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A rule on a model on CUDA. A model that the second-level cache could hold is there several times,
 * and each step takes the next copy, so that its arrays come from memory as they do in training.
 */
final class CudaSubject implements Subject {
  private final CudaWorkplace workplace;
  private final List<Copy> copies = new ArrayList<>();
  private final Passes perTensor;
  private final Passes foreach;
  private final Trainee fused;
  private final Map<String, Trainee> unfused = new LinkedHashMap<>();

  /** One copy of the model, with both optimizers. */
  private final class Copy implements AutoCloseable {
    final List<Parameter> parameters = new ArrayList<>();
    final TensorList gradients;
    final TensorList values;
    final Fused fused;
    final CudaUnfusedOptimizer unfused;

    Copy(Rule rule, long[] counts, RepeatedTile tile) {
      for (long count : counts) {
        parameters.add(
            Precision.FP32.allocate(workplace.device(), "parameter" + parameters.size(), count));
      }
      gradients =
          TensorList.of(
              workplace,
              parameters.stream()
                  .map(parameter -> JCudaAdapter.gradient(parameter).orElseThrow())
                  .toList(),
              counts);
      values = TensorList.zeros(workplace, counts);
      TensorList own =
          TensorList.of(workplace, parameters.stream().map(JCudaAdapter::data).toList(), counts);
      tile.fill(gradients);
      tile.fill(values);
      own.copyFrom(values);
      own.close();
      fused = new Fused(rule, Precision.FP32, workplace.device(), parameters);
      unfused = new CudaUnfusedOptimizer(workplace, rule.unfusedOnCuda(), values, gradients);
    }

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
    private int next;

    Rotation(Consumer<Copy> step) {
      this.step = step;
    }

    @Override
    public void step() {
      step.accept(copies.get(next));
      next = next + 1 == copies.size() ? 0 : next + 1;
    }

    @Override
    public long bytesPerStep() {
      return copies.getFirst().fused.bytesPerStep();
    }

    @Override
    public float[] values(int tensor) {
      Copy first = copies.getFirst();
      return this == CudaSubject.this.fused
          ? first.fused.values(tensor)
          : first.values.download(tensor);
    }

    @Override
    public void close() {
      // The subject owns the copies.
    }
  }

  CudaSubject(CudaWorkplace workplace, Rule rule, ModelShape model, int copyCount) {
    this.workplace = workplace;
    long[] counts = model.sizes().stream().mapToLong(Long::longValue).toArray();
    try (RepeatedTile tile = new RepeatedTile(workplace, Values.tile(), counts)) {
      for (int i = 0; i < copyCount; i++) {
        copies.add(new Copy(rule, counts, tile));
      }
    }
    this.perTensor = new PerTensorPasses(workplace, counts.length);
    this.foreach = new ForeachPasses(workplace, counts);
    this.fused = new Rotation(copy -> copy.fused.step());
    unfused.put("per tensor", new Rotation(copy -> copy.unfused.step(perTensor)));
    unfused.put("foreach", new Rotation(copy -> copy.unfused.step(foreach)));
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
  public void flip() {
    for (Copy copy : copies) {
      foreach.step(() -> foreach.scale(copy.gradients, -1));
    }
  }

  @Override
  public void close() {
    foreach.close();
    perTensor.close();
    copies.forEach(Copy::close);
  }
}
