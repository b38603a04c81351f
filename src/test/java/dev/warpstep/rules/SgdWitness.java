package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.DAMPENING;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.NESTEROV;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;
import static dev.warpstep.rules.WitnessArithmetic.flushed;

import dev.warpstep.rules.WitnessArithmetic.GradientTerms;

/** {@code kernels/rules/sgd.h} in Java. */
final class SgdWitness implements Witness {
  @Override
  public void step(Settings settings, long step, float[] p, float[] gradient, float[][] states) {
    GradientTerms terms = GradientTerms.of(settings.isOn(MAXIMIZE), settings.get(WEIGHT_DECAY));
    float lr = (float) settings.get(LR);
    float momentum = (float) settings.get(MOMENTUM);
    float undampened = (float) (step == 1 ? 1 : 1 - settings.get(DAMPENING));
    boolean nesterov = settings.isOn(NESTEROV);
    for (int i = 0; i < p.length; i++) {
      float direction = terms.of(gradient[i], p[i]);
      if (states.length == 1) {
        float g = direction;
        float buffer = flushed(Math.fma(momentum, states[0][i], undampened * g));
        states[0][i] = buffer;
        direction = nesterov ? Math.fma(momentum, buffer, g) : buffer;
      }
      p[i] = Math.fma(-lr, direction, p[i]);
    }
  }
}
