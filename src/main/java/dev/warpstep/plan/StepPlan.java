package dev.warpstep.plan;

import java.util.Arrays;
import java.util.List;

/**
 * What one step walks over: tensors, cut into chunks, packed into work items. Knows counts and
 * offsets, neither the rule nor the backend.
 *
 * <pre>
 *   tensors   |       A (40,000)        |B|C|D|    E (20,000)     |
 *   chunks    | 16,384 | 16,384 | 7,232 |B|C|D| 16,384  |  3,616  |   of one tensor, at most chunkElements
 *   items     |   0    |   1    |      2      |    3    |    4    |   consecutive chunks, at most chunkElements
 * </pre>
 *
 * A chunk never crosses a tensor, so that a backend works with one set of addresses at a time; an
 * item gathers small chunks until handing it to a thread is worth its cost. Footprint: 16 bytes per
 * chunk and 4 per item. Immutable.
 */
public final class StepPlan {
  /**
   * One tensor of a plan.
   *
   * @param elementCount number of elements, 0 or more
   * @param row index of its hyper-parameter row
   * @param counter index of its step counter; no two tensors of a plan share one
   */
  public record Tensor(long elementCount, int row, int counter) {
    /**
     * @throws IllegalArgumentException if an argument is negative
     */
    public Tensor {
      if (elementCount < 0 || row < 0 || counter < 0) {
        throw new IllegalArgumentException(
            "element count, row and counter must not be negative, were %d, %d and %d"
                .formatted(elementCount, row, counter));
      }
    }
  }

  private final List<Tensor> tensors;
  private final long elementCount;
  private final int[] chunkTensor;
  private final long[] chunkBegin;
  private final int[] chunkElements;
  private final int[] itemEnd;

  private StepPlan(List<Tensor> tensors, Cut cut) {
    this.tensors = tensors;
    this.elementCount = tensors.stream().mapToLong(Tensor::elementCount).sum();
    this.chunkTensor = cut.chunkTensor;
    this.chunkBegin = cut.chunkBegin;
    this.chunkElements = cut.chunkElements;
    this.itemEnd = Arrays.copyOf(cut.itemEnd, cut.items);
  }

  /**
   * Cuts tensors into chunks and items.
   *
   * @param chunkElements the most elements of a chunk, and of an item of several chunks; positive
   * @throws IllegalArgumentException if {@code chunkElements} is not positive or so small that
   *     there would be 2^31 chunks or more
   */
  public static StepPlan of(List<Tensor> tensors, int chunkElements) {
    if (chunkElements <= 0) {
      throw new IllegalArgumentException("chunkElements must be positive, was " + chunkElements);
    }
    long chunks = 0;
    for (Tensor tensor : tensors) {
      chunks += Math.ceilDiv(tensor.elementCount(), chunkElements);
    }
    if (chunks > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "chunkElements = %d cuts the tensors into %d chunks, which is too many"
              .formatted(chunkElements, chunks));
    }
    Cut cut = new Cut((int) chunks);
    for (int tensor = 0; tensor < tensors.size(); tensor++) {
      cut.add(tensor, tensors.get(tensor).elementCount(), chunkElements);
    }
    return new StepPlan(List.copyOf(tensors), cut);
  }

  /** The tensors, in the order of their indices. */
  public List<Tensor> tensors() {
    return tensors;
  }

  /** Elements of all tensors together. */
  public long elementCount() {
    return elementCount;
  }

  public int chunkCount() {
    return chunkTensor.length;
  }

  /** Index of the tensor that a chunk belongs to. */
  public int chunkTensor(int chunk) {
    return chunkTensor[chunk];
  }

  /** First element of a chunk within its tensor. */
  public long chunkBegin(int chunk) {
    return chunkBegin[chunk];
  }

  /** Elements of a chunk, at least 1. */
  public int chunkElements(int chunk) {
    return chunkElements[chunk];
  }

  public int itemCount() {
    return itemEnd.length;
  }

  /** First chunk of an item. */
  public int itemBegin(int item) {
    return item == 0 ? 0 : itemEnd[item - 1];
  }

  /** One past the last chunk of an item. */
  public int itemEnd(int item) {
    return itemEnd[item];
  }

  /** The tables while they grow. */
  private static final class Cut {
    final int[] chunkTensor;
    final long[] chunkBegin;
    final int[] chunkElements;
    final int[] itemEnd;
    int chunks;
    int items;
    long itemElements;

    Cut(int chunkCount) {
      chunkTensor = new int[chunkCount];
      chunkBegin = new long[chunkCount];
      chunkElements = new int[chunkCount];
      itemEnd = new int[chunkCount];
    }

    void add(int tensor, long tensorElements, int limit) {
      for (long begin = 0; begin < tensorElements; begin += limit) {
        int elements = (int) Math.min(limit, tensorElements - begin);
        if (items == 0 || itemElements + elements > limit) {
          items++;
          itemElements = 0;
        }
        itemElements += elements;
        chunkTensor[chunks] = tensor;
        chunkBegin[chunks] = begin;
        chunkElements[chunks] = elements;
        chunks++;
        itemEnd[items - 1] = chunks;
      }
    }
  }
}
