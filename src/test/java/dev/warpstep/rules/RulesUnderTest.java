package dev.warpstep.rules;

import dev.warpstep.Adam;
import dev.warpstep.AdamW;
import dev.warpstep.RMSprop;
import dev.warpstep.SGD;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** The table that drives all tests of rules: each rule with the option sets that differ in kind. */
public final class RulesUnderTest {
  /** Every row. */
  public static final List<RuleUnderTest> ALL = rows();

  private RulesUnderTest() {}

  private static List<RuleUnderTest> rows() {
    List<RuleUnderTest> rows = new ArrayList<>();
    rows.add(sgd("plain", "sgd", b -> b.lr(0.1)));
    rows.add(sgd("lr zero", "sgd", b -> b.lr(0)));
    rows.add(sgd("weight decay", "sgd", b -> b.lr(0.1).weightDecay(0.01)));
    rows.add(sgd("maximize", "sgd", b -> b.maximize(true)));
    rows.add(sgd("maximize, weight decay", "sgd", b -> b.weightDecay(0.2).maximize(true)));
    rows.add(sgd("momentum", "sgd_momentum", b -> b.lr(0.1).momentum(0.9)));
    rows.add(sgd("momentum above 1", "sgd_momentum", b -> b.momentum(1.5)));
    rows.add(sgd("dampening", "sgd_momentum", b -> b.momentum(0.9).dampening(0.3)));
    rows.add(sgd("dampening 1", "sgd_momentum", b -> b.momentum(0.9).dampening(1)));
    rows.add(sgd("nesterov", "sgd_momentum", b -> b.lr(0.1).momentum(0.9).nesterov(true)));
    rows.add(
        sgd(
            "momentum, dampening, weight decay, maximize",
            "sgd_momentum",
            b -> b.lr(0.05).momentum(0.8).dampening(0.1).weightDecay(0.3).maximize(true)));
    rows.add(
        sgd(
            "nesterov, weight decay, maximize",
            "sgd_momentum",
            b -> b.lr(0.02).momentum(0.95).nesterov(true).weightDecay(0.01).maximize(true)));

    rows.add(rmsprop("plain", "rmsprop", b -> b));
    rows.add(rmsprop("alpha 0.3", "rmsprop", b -> b.alpha(0.3)));
    rows.add(rmsprop("alpha 0", "rmsprop", b -> b.alpha(0)));
    rows.add(rmsprop("eps 10", "rmsprop", b -> b.lr(1).eps(10)));
    rows.add(rmsprop("weight decay", "rmsprop", b -> b.weightDecay(0.01)));
    rows.add(rmsprop("maximize", "rmsprop", b -> b.maximize(true)));
    rows.add(rmsprop("momentum", "rmsprop_momentum", b -> b.momentum(0.9)));
    rows.add(
        rmsprop(
            "momentum, weight decay, maximize",
            "rmsprop_momentum",
            b -> b.momentum(0.5).weightDecay(0.2).maximize(true).alpha(0.9)));
    rows.add(rmsprop("centered", "rmsprop_centered", b -> b.centered(true)));
    rows.add(rmsprop("centered, alpha 0.3", "rmsprop_centered", b -> b.centered(true).alpha(0.3)));
    rows.add(
        rmsprop(
            "centered, weight decay",
            "rmsprop_centered",
            b -> b.centered(true).weightDecay(0.01).eps(1e-6)));
    rows.add(
        rmsprop(
            "centered, momentum",
            "rmsprop_centered_momentum",
            b -> b.centered(true).momentum(0.9)));
    rows.add(
        rmsprop(
            "centered, momentum, weight decay, maximize",
            "rmsprop_centered_momentum",
            b -> b.centered(true).momentum(0.9).weightDecay(0.01).alpha(0.95).maximize(true)));

    rows.add(adam("plain", "adam", b -> b));
    rows.add(adam("lr zero", "adam", b -> b.lr(0)));
    rows.add(adam("betas below one half", "adam", b -> b.betas(0.3, 0.4)));
    rows.add(adam("beta1 0", "adam", b -> b.betas(0, 0.99)));
    rows.add(adam("beta2 0", "adam", b -> b.betas(0.8, 0)));
    rows.add(adam("betas 0", "adam", b -> b.betas(0, 0)));
    rows.add(adam("betas near 1", "adam", b -> b.betas(0.999, 0.99999)));
    rows.add(adam("eps 10", "adam", b -> b.lr(0.1).eps(10)));
    rows.add(adam("weight decay", "adam", b -> b.lr(0.01).weightDecay(0.1)));
    rows.add(adam("maximize", "adam", b -> b.maximize(true)));
    rows.add(adam("amsgrad", "adam_amsgrad", b -> b.amsgrad(true).betas(0.9, 0.9)));
    rows.add(
        adam(
            "amsgrad, weight decay, maximize",
            "adam_amsgrad",
            b -> b.amsgrad(true).weightDecay(0.1).maximize(true).lr(0.01).eps(1e-6)));

    rows.add(adamW("plain", "adam", b -> b));
    rows.add(adamW("no weight decay", "adam", b -> b.weightDecay(0)));
    rows.add(adamW("strong weight decay", "adam", b -> b.lr(0.1).weightDecay(0.5)));
    rows.add(adamW("maximize", "adam", b -> b.maximize(true).betas(0.5, 0.5)));
    rows.add(adamW("amsgrad", "adam_amsgrad", b -> b.amsgrad(true)));
    rows.add(
        adamW(
            "amsgrad, weight decay, maximize",
            "adam_amsgrad",
            b -> b.amsgrad(true).weightDecay(0.5).maximize(true).lr(0.01).betas(0.7, 0.9)));
    return List.copyOf(rows);
  }

  private static RuleUnderTest sgd(
      String options, String entry, UnaryOperator<SGD.Builder> settings) {
    return RuleUnderTest.of(
        "SGD/" + options,
        entry,
        () -> settings.apply(SGD.builder()),
        new SgdOracle(),
        new SgdWitness(),
        new SgdBound());
  }

  private static RuleUnderTest rmsprop(
      String options, String entry, UnaryOperator<RMSprop.Builder> settings) {
    return RuleUnderTest.of(
        "RMSprop/" + options,
        entry,
        () -> settings.apply(RMSprop.builder()),
        new RmspropOracle(),
        new RmspropWitness(),
        new RmspropBound());
  }

  private static RuleUnderTest adam(
      String options, String entry, UnaryOperator<Adam.Builder> settings) {
    return RuleUnderTest.of(
        "Adam/" + options,
        entry,
        () -> settings.apply(Adam.builder()),
        new AdamOracle(),
        new AdamWitness(),
        new AdamBound());
  }

  private static RuleUnderTest adamW(
      String options, String entry, UnaryOperator<AdamW.Builder> settings) {
    return RuleUnderTest.of(
        "AdamW/" + options,
        entry,
        () -> settings.apply(AdamW.builder()),
        new AdamOracle(),
        new AdamWitness(),
        new AdamBound());
  }
}
