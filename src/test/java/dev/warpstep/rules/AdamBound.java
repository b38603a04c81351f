package dev.warpstep.rules;

import static dev.warpstep.HyperParameter.AMSGRAD;
import static dev.warpstep.HyperParameter.BETA1;
import static dev.warpstep.HyperParameter.BETA2;
import static dev.warpstep.HyperParameter.DECOUPLED_WEIGHT_DECAY;
import static dev.warpstep.HyperParameter.EPS;
import static dev.warpstep.HyperParameter.LR;
import static dev.warpstep.HyperParameter.MAXIMIZE;
import static dev.warpstep.HyperParameter.WEIGHT_DECAY;

/**
 * In units of u = 2<sup>-24</sup>, to first order, where no terms of opposite sign cancel, without
 * weight decay:
 *
 * <pre>
 *   m   average of g            difference 1, factor 1, fma 1                3
 *   v   average of g²           product 1, difference 1, factor 1, fma 1     4
 *   d   √v + eps                half of v 2, root 1, eps 1, sum 1            4    at most
 *   q   m/d                     m 3, d 4, quotient 1                         8
 *   p   − stepSize·q            stepSize 1                                   9
 * </pre>
 *
 * so that |p32 − p64| ≤ ½ ulp(p) + 9u·|update|, where the update is taken with β1·|m| + (1 −
 * β1)·|g| for m. Coupled weight decay adds 2 to g, hence 2 to m and 4 to v: 13u. Decoupled weight
 * decay adds u·lr·wd·|p| and half an ulp of p for its own multiply-add. AMSGrad's maximum adds
 * nothing.
 */
final class AdamBound implements ErrorBound {
  @Override
  public double[] of(
      Settings settings, long step, float parameter, float gradient, float[] states) {
    boolean decoupled = settings.isOn(DECOUPLED_WEIGHT_DECAY);
    double weightDecay = settings.get(WEIGHT_DECAY);
    double lr = settings.get(LR);
    double root = Math.sqrt(1 - Math.pow(settings.get(BETA2), (double) step));
    double correction = 1 - Math.pow(settings.get(BETA1), (double) step);
    Rounded p = Rounded.exact(parameter);
    Rounded stepSize = Rounded.coefficient(lr * root / correction);
    Rounded eps = Rounded.coefficient(settings.get(EPS) * root);
    double[] errors = new double[states.length + 1];

    Rounded g = Rounded.gradient(gradient, settings.isOn(MAXIMIZE), decoupled ? 0 : weightDecay, p);
    Rounded m = g.averagedInto(Rounded.exact(states[0]), settings.get(BETA1));
    Rounded v = g.times(g).averagedInto(Rounded.exact(states[1]), settings.get(BETA2));
    errors[1] = m.error();
    errors[2] = v.error();
    if (settings.isOn(AMSGRAD)) {
      v = v.max(Rounded.exact(states[2]));
      errors[3] = v.error();
    }
    if (decoupled && weightDecay != 0) {
      p = Rounded.coefficient(-lr * weightDecay).times(p, p);
    }
    Rounded quotient = m.over(v.root().plus(eps), Rounded.smallest(eps));
    errors[0] = stepSize.negated().times(quotient, p).error();
    return errors;
  }
}
