package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.BETA1;
import static dev.warpstep.HyperParameter.BETA2;
import static dev.warpstep.HyperParameter.DECOUPLED_WEIGHT_DECAY;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;
import static dev.warpstep.rules.WitnessArithmetic.biasCorrection;
import static dev.warpstep.rules.WitnessArithmetic.flushed;
import static dev.warpstep.rules.WitnessArithmetic.squareRoot;

import dev.warpstep.rules.WitnessArithmetic.GradientTerms;
import dev.warpstep.rules.WitnessArithmetic.MovingAverage;

/** {@code kernels/rules/adam.h} in Java. */
final class AdamWitness implements Witness {
  @Override
  public void step(Settings settings, long step, float[] p, float[] gradient, float[][] states) {
    boolean decoupled = settings.isOn(DECOUPLED_WEIGHT_DECAY);
    double weightDecay = settings.get(WEIGHT_DECAY);
    double lr = settings.get(LR);
    double root = Math.sqrt(biasCorrection(settings.get(BETA2), step));
    GradientTerms terms = GradientTerms.of(settings.isOn(MAXIMIZE), decoupled ? 0 : weightDecay);
    MovingAverage first = MovingAverage.of(settings.get(BETA1));
    MovingAverage second = MovingAverage.of(settings.get(BETA2));
    float shrink = (float) (decoupled ? lr * weightDecay : 0);
    float stepSize = (float) (lr * root / biasCorrection(settings.get(BETA1), step));
    float eps = (float) (settings.get(EPS) * root);
    boolean amsgrad = states.length == 3;
    for (int i = 0; i < p.length; i++) {
      float g = terms.of(gradient[i], p[i]);
      float m = flushed(first.next(states[0][i], g));
      float v = flushed(second.next(states[1][i], g * g));
      states[0][i] = m;
      states[1][i] = v;
      if (amsgrad) {
        v = states[2][i] > v ? states[2][i] : v;
        states[2][i] = v;
      }
      float shrunk = shrink != 0 ? Math.fma(-shrink, p[i], p[i]) : p[i];
      p[i] = Math.fma(-stepSize, m / (squareRoot(v) + eps), shrunk);
    }
  }
}
