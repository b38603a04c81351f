package dev.warpstep.golden;

import dev.warpstep.DType;
import dev.warpstep.golden.FullStepCase.Average;
import dev.warpstep.golden.FullStepCase.Injection;
import dev.warpstep.golden.FullStepCase.Scaler;
import dev.warpstep.golden.FullStepCase.Step;
import dev.warpstep.golden.GoldenCase.Options;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Steps of a PyTorch optimizer over 16-bit parameters: computed in fp32, rounded once when stored.
 *
 * @param name unique among the cases of a kind and a dtype
 * @param optimizer the class in {@code torch.optim}: SGD, RMSprop, Adam or AdamW
 * @param dtype of parameters and gradients; of the state, too, but with master weights
 * @param inputs where initial parameters, gradients and the state before a single step come from
 * @param options those that the case sets
 * @param sizes of the tensors
 * @param exponents powers of two, one per step and over again: the gradient is times that power
 * @param injections elements of gradients that are replaced
 * @param maxNorm of {@code clip_grad_norm_}
 * @param clipValue of {@code clip_grad_value_}
 * @param scaler the arguments of {@code GradScaler}, if there is one
 * @param average the average that is kept in fp32, if there is one
 * @param steps what was recorded of each step; empty for single steps and for masters without a
 *     scaler
 * @param snapshots what was recorded after steps, in their order
 */
public record MixedCase(
    Kind kind,
    String name,
    String optimizer,
    DType dtype,
    GoldenInputs inputs,
    Options options,
    List<Integer> sizes,
    List<Integer> exponents,
    List<Injection> injections,
    OptionalDouble maxNorm,
    OptionalDouble clipValue,
    Optional<Scaler> scaler,
    Optional<Average> average,
    List<Step> steps,
    List<Snapshot> snapshots) {

  // Steps that no case takes.
  private static final int FIRST_MOMENT = 2001;
  private static final int SECOND_MOMENT = 2002;
  private static final int LARGEST_SECOND_MOMENT = 2003;
  private static final int MOMENTUM = 2004;

  /** What the snapshots are of. */
  public enum Kind {
    /** Each is one step from {@link #stateBefore} and the initial parameter. */
    SINGLE,
    /** One trajectory; every step that was not skipped is recorded. */
    SEQUENCE,
    /** One trajectory of fp32 master weights, with 16-bit gradients. */
    MASTER
  }

  /**
   * After a step.
   *
   * @param tensors one entry per tensor
   * @param averaged how often the average was updated; 0 without one
   */
  public record Snapshot(int step, List<TensorBits> tensors, long averaged) {}

  /** A tensor; the state is by PyTorch's names. */
  public record TensorBits(
      Bits parameter, Map<String, Bits> state, Optional<Bits> master, Optional<Bits> average) {}

  /** Numbers as their bits: 4 hexadecimal digits each of a 16-bit type, or 8 of fp32. */
  public record Bits(String digits) {
    private static final int HALF = 4;
    private static final int SINGLE = 8;

    /** Of a 16-bit type. */
    public short[] shorts() {
      short[] values = new short[digits.length() / HALF];
      for (int i = 0; i < values.length; i++) {
        values[i] = (short) Integer.parseInt(digits, i * HALF, (i + 1) * HALF, 16);
      }
      return values;
    }

    /** Of fp32. */
    public float[] floats() {
      float[] values = new float[digits.length() / SINGLE];
      for (int i = 0; i < values.length; i++) {
        int bits = Integer.parseUnsignedInt(digits, i * SINGLE, (i + 1) * SINGLE, 16);
        values[i] = Float.intBitsToFloat(bits);
      }
      return values;
    }
  }

  /** The parameter before the first step, to be rounded to the dtype unless it is a master. */
  public float[] initial(int tensor) {
    return inputs.initialFloats(tensor, sizes.get(tensor));
  }

  /**
   * The gradient as a backward pass of a loss times {@code scale} leaves it, to be rounded to the
   * dtype.
   *
   * @param step from 1
   */
  public float[] gradient(int tensor, int step, double scale) {
    float[] values = new float[sizes.get(tensor)];
    int exponent = exponents.get((step - 1) % exponents.size());
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.scalb(inputs.wild(tensor, step, i), exponent) * (float) scale;
    }
    injections.stream()
        .filter(i -> i.tensor() == tensor && i.step() == step)
        .forEach(i -> values[i.element()] = (float) i.value());
    return values;
  }

  /** State of the only tensor before a single step other than the first, to be rounded. */
  public float[] stateBefore(String name) {
    float[] values = new float[sizes.getFirst()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          (float)
              switch (name) {
                case "exp_avg", "grad_avg" -> inputs.wild(0, FIRST_MOMENT, i);
                case "momentum_buffer" -> inputs.wild(0, MOMENTUM, i);
                case "exp_avg_sq" -> square(SECOND_MOMENT, i);
                case "max_exp_avg_sq" -> square(LARGEST_SECOND_MOMENT, i);
                case "square_avg" ->
                    options.flag("centered")
                        ? square(SECOND_MOMENT, i) + 1.25 * square(FIRST_MOMENT, i) + 0x1p-13
                        : square(SECOND_MOMENT, i);
                default -> throw new IllegalArgumentException(name);
              };
    }
    return values;
  }

  private double square(int step, int element) {
    double drawn = inputs.wild(0, step, element);
    return drawn * drawn;
  }

  /** For test names: {@code single/Adam/amsgrad/BFLOAT16}. */
  @Override
  public String toString() {
    return "%s/%s/%s".formatted(kind, name, dtype);
  }
}
