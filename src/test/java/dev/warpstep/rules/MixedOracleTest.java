package dev.warpstep.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpstep.DType;
import dev.warpstep.golden.MixedCase;
import dev.warpstep.golden.MixedCase.Kind;
import dev.warpstep.golden.MixedCase.Snapshot;
import dev.warpstep.golden.MixedCase.TensorBits;
import dev.warpstep.golden.MixedCases;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The oracles against PyTorch's 16-bit steps: from the rounded inputs in double, and rounded once.
 * A result that is nearly halfway between two numbers may be rounded to the other one, hence one
 * ulp.
 */
class MixedOracleTest {
  private static final Map<String, Oracle> ORACLES =
      Map.of(
          "SGD", new SgdOracle(),
          "RMSprop", new RmspropOracle(),
          "Adam", new AdamOracle(),
          "AdamW", new AdamOracle());

  @TestFactory
  Stream<DynamicTest> oraclesAreWithinOneUlpOfPyTorchIn16Bits() {
    return Stream.of(DType.FLOAT16, DType.BFLOAT16)
        .flatMap(dtype -> MixedCases.of(Kind.SINGLE, dtype).stream())
        .map(golden -> DynamicTest.dynamicTest(golden.toString(), () -> check(golden)));
  }

  private static void check(MixedCase golden) {
    ElementWitness witness = ElementWitness.of(golden.dtype());
    Oracle oracle = ORACLES.get(golden.optimizer());
    Settings settings = GoldenSettings.complete(golden.optimizer(), golden.options());
    List<String> names = oracle.states(settings);
    for (Snapshot snapshot : golden.snapshots()) {
      int step = snapshot.step();
      TensorBits recorded = snapshot.tensors().getFirst();
      assertEquals(names, List.copyOf(recorded.state().keySet()), golden::toString);
      float[] parameter = rounded(witness, golden.initial(0));
      float[] gradient = rounded(witness, golden.gradient(0, step, 1));
      float[][] states = new float[names.size()][parameter.length];
      for (int s = 0; s < states.length && step > 1; s++) {
        states[s] = rounded(witness, golden.stateBefore(names.get(s)));
      }
      Oracle.Update update = oracle.at(settings, step);
      for (int i = 0; i < parameter.length; i++) {
        double[] state = new double[states.length];
        for (int s = 0; s < state.length; s++) {
          state[s] = states[s][i];
        }
        double updated = update.update(parameter[i], gradient[i], state);
        String where = "%s, step %d, element %d".formatted(golden, step, i);
        near(witness, recorded.parameter().shorts()[i], updated, where);
        for (int s = 0; s < state.length; s++) {
          near(witness, recorded.state().get(names.get(s)).shorts()[i], state[s], where);
        }
      }
    }
  }

  private static void near(ElementWitness witness, short expected, double actual, String where) {
    short rounded = witness.nearest((float) actual);
    assertTrue(
        witness.distance(expected, rounded) <= 1,
        () -> "%s: %s, was %s".formatted(where, witness.widened(expected), actual));
  }

  private static float[] rounded(ElementWitness witness, float[] values) {
    return witness.widened(witness.nearest(values));
  }
}
