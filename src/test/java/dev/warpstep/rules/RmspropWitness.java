package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.ALPHA;
import static dev.warpstep.HyperParameter.CENTERED;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;
import static dev.warpstep.rules.WitnessArithmetic.flushed;
import static dev.warpstep.rules.WitnessArithmetic.squareRoot;

import dev.warpstep.rules.WitnessArithmetic.GradientTerms;
import dev.warpstep.rules.WitnessArithmetic.MovingAverage;

/** {@code kernels/rules/rmsprop.h} in Java. */
final class RmspropWitness implements Witness {
  @Override
  public void step(Settings settings, long step, float[] p, float[] gradient, float[][] states) {
    GradientTerms terms = GradientTerms.of(settings.isOn(MAXIMIZE), settings.get(WEIGHT_DECAY));
    MovingAverage average = MovingAverage.of(settings.get(ALPHA));
    float lr = (float) settings.get(LR);
    float eps = (float) settings.get(EPS);
    float momentum = (float) settings.get(MOMENTUM);
    boolean accelerated = settings.isOn(MOMENTUM);
    boolean centered = settings.isOn(CENTERED);
    float[] squares = states[0];
    float[] means = states[states.length - 1];
    for (int i = 0; i < p.length; i++) {
      float g = terms.of(gradient[i], p[i]);
      squares[i] = flushed(average.next(squares[i], g * g));
      float variance = squares[i];
      if (centered) {
        means[i] = flushed(average.next(means[i], g));
        variance = Math.fma(-means[i], means[i], squares[i]);
        variance = variance < 0 ? 0 : variance;
      }
      float scaled = g / (squareRoot(variance) + eps);
      if (accelerated) {
        scaled = flushed(Math.fma(momentum, states[1][i], scaled));
        states[1][i] = scaled;
      }
      p[i] = Math.fma(-lr, scaled, p[i]);
    }
  }
}
