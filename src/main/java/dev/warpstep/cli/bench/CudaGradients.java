package dev.warpstep.cli.bench;

import dev.warpstep.Parameter;
import dev.warpstep.adapter.jcuda.JCudaAdapter;
import dev.warpstep.unfused.cuda.CudaWorkplace;
import dev.warpstep.unfused.cuda.RepeatedTile;
import java.util.List;
import jcuda.driver.CUdeviceptr;

/** Gradients in memory of a CUDA device. */
final class CudaGradients implements Gradients {
  private final List<CUdeviceptr> arrays;
  private final RepeatedTile positive;
  private final RepeatedTile negative;
  private boolean flipped;

  /** Fills the gradients of parameters. */
  CudaGradients(CudaWorkplace workplace, Precision precision, List<Parameter> parameters) {
    long[] counts = parameters.stream().mapToLong(Parameter::elementCount).toArray();
    this.arrays =
        parameters.stream()
            .map(parameter -> JCudaAdapter.gradient(parameter).orElseThrow())
            .toList();
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
    positive.fill(arrays);
  }

  @Override
  public void flip() {
    flipped = !flipped;
    (flipped ? negative : positive).fill(arrays);
  }

  @Override
  public void close() {
    positive.close();
    negative.close();
  }
}
