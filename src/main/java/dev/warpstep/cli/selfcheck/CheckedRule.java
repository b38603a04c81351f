package dev.warpstep.cli.selfcheck;

import dev.warpstep.Adam;
import dev.warpstep.AdamW;
import dev.warpstep.Device;
import dev.warpstep.Optimizer;
import dev.warpstep.Parameter;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import java.util.List;

/**
 * An optimizer with its settings.
 *
 * @param name for people
 * @param optimizer builds it
 */
public record CheckedRule(String name, Builder optimizer) {
  /** Builds an optimizer of one group. */
  public interface Builder {
    /** The optimizer of these parameters on this device. */
    Optimizer build(Device device, List<Parameter> parameters);
  }

  /** Every kernel, and every option that changes what a kernel computes. */
  public static final List<CheckedRule> ALL =
      List.of(
          new CheckedRule("SGD", SGD.builder().lr(0.1)::build),
          new CheckedRule(
              "SGD, weight decay, maximize",
              SGD.builder().lr(0.1).weightDecay(0.01).maximize(true)::build),
          new CheckedRule(
              "SGD, momentum, weight decay",
              SGD.builder().lr(0.1).momentum(0.9).weightDecay(0.01)::build),
          new CheckedRule(
              "SGD, momentum, dampening", SGD.builder().momentum(0.9).dampening(0.3)::build),
          new CheckedRule("SGD, nesterov", SGD.builder().momentum(0.9).nesterov(true)::build),
          new CheckedRule("RMSprop", RMSprop.builder()::build),
          new CheckedRule(
              "RMSprop, momentum", RMSprop.builder().momentum(0.9).weightDecay(0.01)::build),
          new CheckedRule("RMSprop, centered", RMSprop.builder().centered(true)::build),
          new CheckedRule(
              "RMSprop, centered, momentum",
              RMSprop.builder().centered(true).momentum(0.9).maximize(true)::build),
          new CheckedRule("Adam", Adam.builder()::build),
          new CheckedRule(
              "Adam, weight decay, maximize",
              Adam.builder().weightDecay(0.01).maximize(true)::build),
          new CheckedRule("Adam, AMSGrad", Adam.builder().betas(0.9, 0.9).amsgrad(true)::build),
          new CheckedRule("AdamW", AdamW.builder().weightDecay(0.1)::build),
          new CheckedRule("AdamW, AMSGrad", AdamW.builder().amsgrad(true)::build));
}
