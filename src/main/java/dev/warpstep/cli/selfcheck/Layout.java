package dev.warpstep.cli.selfcheck;

import java.util.ArrayList;
import java.util.List;

/**
 * Tensors of every size and alignment, in two blocks of floats, parameters in one and gradients in
 * the other:
 *
 * <pre>
 *   parameters |pppp....|.ppppp..|..ppp...|
 *   gradients  |...gggg.|.ggggg..|ggg.....|      slots begin at multiples of 256 bytes
 * </pre>
 *
 * What lies between tensors belongs to none, and must not change.
 */
final class Layout {
  /** Around a vector, a warp's worth of vectors, a chunk, and many chunks; empty. */
  static final List<Integer> SIZES =
      List.of(0, 1, 15, 16, 17, 127, 128, 129, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537);

  /** Floats of a vector: a tensor begins at each place in one. */
  static final int SHIFTS = 4;

  /** What a device's allocations are aligned to, in floats. */
  private static final int SLOT = 64;

  private final List<Tensor> tensors = new ArrayList<>();
  private final int length;

  /**
   * One tensor.
   *
   * @param size number of elements
   * @param slot first element of its slot in both blocks
   * @param shift from there to the parameter
   * @param gradientShift from there to the gradient
   */
  record Tensor(int size, int slot, int shift, int gradientShift) {
    int begin() {
      return slot + shift;
    }

    int gradientBegin() {
      return slot + gradientShift;
    }

    boolean contains(int index) {
      return begin() <= index && index < begin() + size;
    }

    @Override
    public String toString() {
      return "%d elements, parameter %d and gradient %d floats off alignment"
          .formatted(size, shift, gradientShift);
    }
  }

  Layout() {
    int slot = 0;
    for (int size : SIZES) {
      for (int shift = 0; shift < SHIFTS; shift++) {
        for (int gradientShift = 0; gradientShift < SHIFTS; gradientShift++) {
          tensors.add(new Tensor(size, slot, shift, gradientShift));
          // At least one element behind each tensor is nobody's.
          slot += Math.ceilDiv(size + SHIFTS, SLOT) * SLOT;
        }
      }
    }
    length = slot;
  }

  List<Tensor> tensors() {
    return tensors;
  }

  /** Floats of a block. */
  int length() {
    return length;
  }

  /** Where an element of the parameters' block is, for people. */
  String place(int index) {
    return tensors.stream()
        .filter(tensor -> tensor.contains(index))
        .findFirst()
        .map(tensor -> "%s, element %d".formatted(tensor, index - tensor.begin()))
        .orElse("outside every parameter");
  }
}
