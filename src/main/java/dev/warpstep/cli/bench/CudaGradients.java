package dev.warpstep.cli.bench;

import dev.warpstep.Parameter;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.unfused.cuda.CudaWorkplace;
import dev.warpstep.unfused.cuda.RepeatedTile;
import java.util.List;

/** Gradients in memory of a CUDA device. */
final class CudaGradients implements Gradients {
  private final List<Parameter> parameters;
  private final RepeatedTile positive;
  private final RepeatedTile negative;
  private boolean flipped;

  /** Fills the gradients of parameters. */
  CudaGradients(CudaWorkplace workplace, Precision precision, List<Parameter> parameters) {
    long[] counts = parameters.stream().mapToLong(Parameter::elementCount).toArray();
    this.parameters = List.copyOf(parameters);
    int elementBytes = precision.dtype().sizeBytes();
    float[] tile = Values.tile();
    this.positive =
        new RepeatedTile(workplace, Values.encoded(tile, precision.dtype()), elementBytes, counts);
    this.negative =
        new RepeatedTile(
            workplace,
            Values.encoded(Values.negated(tile), precision.dtype()),
            elementBytes,
            counts);
    fill(positive);
  }

  @Override
  public void flip() {
    flipped = !flipped;
    fill(flipped ? negative : positive);
  }

  private void fill(RepeatedTile tile) {
    tile.fill(
        parameters.stream()
            .map(parameter -> JCudaAdapter.gradient(parameter).orElseThrow())
            .toList());
  }

  @Override
  public void close() {
    positive.close();
    negative.close();
  }
}
