package dev.warpstep.unfused;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Updates tensors from their gradients, one pass per operation. Temporaries are kept between steps,
 * which is kinder than allocating them as frameworks do.
 *
 * <p>One thread at a time.
 */
public abstract sealed class UnfusedOptimizer
    permits UnfusedSGD, UnfusedMomentum, UnfusedRMSprop, UnfusedAdam {
  /** A smaller step is done by the caller, as in the fused one: waking a thread takes longer. */
  private static final int INLINE_ELEMENTS = 16_384;

  private final List<Tensor> tensors;
  private final int shares;

  /** Of elementary passes, made when they are asked for. */
  private final float[][] scratch;

  private long step;

  UnfusedOptimizer(List<Tensor> tensors, int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be positive, was " + threads);
    }
    this.tensors = List.copyOf(tensors);
    long elements = tensors.stream().mapToLong(Tensor::elementCount).sum();
    this.scratch = new float[tensors.size()][];
    this.shares = elements < INLINE_ELEMENTS ? 1 : threads;
  }

  /** What one pass over memory does. */
  public enum Passes {
    /**
     * Multiplies and adds at once, as the functions of PyTorch and BLAS; ends with the bits of the
     * fused step.
     */
    COMPOUND(new Compound()),
    /** One arithmetic operation, which is rounded. */
    ELEMENTARY(new Elementary());

    @SuppressWarnings("ImmutableEnumChecker") // has no fields
    private final Primitives primitives;

    Passes(Primitives primitives) {
      this.primitives = primitives;
    }

    Primitives primitives() {
      return primitives;
    }
  }

  /** Updates every tensor in {@linkplain Passes#COMPOUND compound} passes. */
  public final void step() {
    step(Passes.COMPOUND);
  }

  /** Updates every tensor; each thread does all passes over its own share of each. */
  public final void step(Passes passes) {
    if (passes == Passes.ELEMENTARY) {
      allocateScratch();
    }
    Primitives primitives = passes.primitives;
    step++;
    prepare(step);
    if (shares == 1) {
      updateShare(primitives, 0);
    } else {
      IntStream.range(0, shares).parallel().forEach(share -> updateShare(primitives, share));
    }
  }

  private void allocateScratch() {
    for (int i = 0; i < scratch.length; i++) {
      if (scratch[i] == null) {
        scratch[i] = new float[tensors.get(i).elementCount()];
      }
    }
  }

  private void updateShare(Primitives primitives, int share) {
    for (int i = 0; i < tensors.size(); i++) {
      Tensor tensor = tensors.get(i);
      long count = tensor.elementCount();
      int begin = (int) (count * share / shares);
      update(primitives, i, tensor, scratch[i], begin, (int) (count * (share + 1) / shares));
    }
  }

  /** Computes what depends on the step alone, 1 for the first. */
  void prepare(long newStep) {}

  /** Updates a range of the tensor with an index. */
  abstract void update(
      Primitives primitives, int index, Tensor tensor, float[] scratch, int begin, int end);

  /** An array of zeros for each tensor: a state, or a temporary. */
  static float[][] zerosFor(List<Tensor> tensors) {
    return tensors.stream().map(tensor -> new float[tensor.elementCount()]).toArray(float[][]::new);
  }
}
