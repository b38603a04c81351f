package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.DAMPENING;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.MOMENTUM;
import static dev.warpstep.HyperParameter.NESTEROV;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

/**
 * In units of u = 2<sup>-24</sup>, to first order, where no terms of opposite sign cancel:
 *
 * <pre>
 *   g   gradient + wd·p         fma 1, wd 1 on its term             2    0 without weight decay
 *   b   momentum·b + (1 − d)·g  fma 1; momentum 1; (1 − d) 1, product 1, g
 *                                                                   3    5 with weight decay
 *   n   g + momentum·b          fma 1; momentum 1, b 3              5    7
 *   p   − lr·(g, b or n)        lr 1                                1, 4, 6    with weight decay 3, 6, 8
 * </pre>
 *
 * so that |p32 − p64| ≤ ½ ulp(p) + k·u·|update| with k = 1, 4, 6 for plain SGD, momentum, Nesterov.
 */
final class SgdBound implements ErrorBound {
  @Override
  public double[] of(
      Settings settings, long step, float parameter, float gradient, float[] states) {
    Rounded p = Rounded.exact(parameter);
    Rounded lr = Rounded.coefficient(settings.get(LR));
    Rounded g = Rounded.gradient(gradient, settings.isOn(MAXIMIZE), settings.get(WEIGHT_DECAY), p);
    if (!settings.isOn(MOMENTUM)) {
      return new double[] {lr.negated().times(g, p).error()};
    }
    Rounded momentum = Rounded.coefficient(settings.get(MOMENTUM));
    Rounded undampened = Rounded.coefficient(step == 1 ? 1 : 1 - settings.get(DAMPENING));
    Rounded buffer = momentum.times(Rounded.exact(states[0]), g.times(undampened)).flushed();
    Rounded direction = settings.isOn(NESTEROV) ? momentum.times(buffer, g) : buffer;
    return new double[] {lr.negated().times(direction, p).error(), buffer.error()};
  }
}
