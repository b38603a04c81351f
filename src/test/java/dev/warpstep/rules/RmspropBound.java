package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.ALPHA;
import static dev.warpstep.HyperParameter.CENTERED;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

/**
 * In units of u = 2<sup>-24</sup>, to first order, where no terms of opposite sign cancel, without
 * weight decay:
 *
 * <pre>
 *   s   average of g²           product 1, difference 1, factor 1, fma 1     4
 *   a   average of g            difference 1, factor 1, fma 1                3
 *   d   √s + eps                half of s 2, root 1, eps 1, sum 1            4
 *   q   g/d                     d 4, quotient 1                              5
 *   b   momentum·b + q          q 5, fma 1                                   6
 *   p   − lr·(q or b)           lr 1                                         6, 7
 * </pre>
 *
 * so that |p32 − p64| ≤ ½ ulp(p) + k·u·|update| with k = 6, with momentum 7. Centered, the variance
 * s − a² has the error (4s + 6a²)u, and its root half of that over the variance: with κ = (4s +
 * 6a²)/(s − a²), k grows to κ/2 + 5, with momentum κ/2 + 6. Weight decay adds 2 to g and with it 4
 * to s and 2 to a.
 */
final class RmspropBound implements ErrorBound {
  @Override
  public double[] of(
      Settings settings, long step, float parameter, float gradient, float[] states) {
    double alpha = settings.get(ALPHA);
    Rounded p = Rounded.exact(parameter);
    Rounded eps = Rounded.coefficient(settings.get(EPS));
    Rounded lr = Rounded.coefficient(settings.get(LR));
    double[] errors = new double[states.length + 1];

    Rounded g = Rounded.gradient(gradient, settings.isOn(MAXIMIZE), settings.get(WEIGHT_DECAY), p);
    Rounded variance = g.times(g).averagedInto(Rounded.exact(states[0]), alpha);
    errors[1] = variance.error();
    if (settings.isOn(CENTERED)) {
      int last = states.length - 1;
      Rounded average = g.averagedInto(Rounded.exact(states[last]), alpha);
      errors[last + 1] = average.error();
      variance = average.negated().times(average, variance).max(Rounded.exact(0));
    }
    Rounded direction = g.over(variance.root().plus(eps), Rounded.smallest(eps));
    if (settings.isOn(MOMENTUM)) {
      Rounded momentum = Rounded.coefficient(settings.get(MOMENTUM));
      direction = momentum.times(Rounded.exact(states[1]), direction).flushed();
      errors[2] = direction.error();
    }
    errors[0] = lr.negated().times(direction, p).error();
    return errors;
  }
}
