package dev.warpstep;

import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/**
 * What runs before and after an optimizer's steps, saves and loads, as PyTorch's hooks do.
 *
 * <pre>{@code
 * HookHandle handle = adam.hooks().registerStepPostHook((optimizer, result) -> steps.count());
 * adam.step();
 * handle.remove();
 * }</pre>
 *
 * <p>Hooks of a kind run in the order of their registration; those that are put first run before
 * all others. One that throws ends the call: from a pre hook, nothing was stepped, saved or loaded;
 * from a post hook, everything was, and the hooks behind it did not run. Hooks stay when the
 * optimizer closes, and are no part of its state dict.
 *
 * <p>A {@link StepGraph} runs step hooks around each replay, those that are registered then.
 * Recording the graph is no step and runs none, and what hooks do is not recorded.
 *
 * <p>Without step hooks, a step does no more than without this class.
 *
 * <p>One thread at a time, together with the optimizer.
 */
public final class OptimizerHooks {
  private final HookList<BiFunction<Optimizer, StepOptions, StepOptions>> stepPre =
      new HookList<>();
  private final HookList<BiConsumer<Optimizer, StepResult>> stepPost = new HookList<>();
  private final HookList<Consumer<Optimizer>> stateDictPre = new HookList<>();
  private final HookList<BiFunction<Optimizer, StateDict, StateDict>> stateDictPost =
      new HookList<>();
  private final HookList<BiFunction<Optimizer, StateDict, StateDict>> loadPre = new HookList<>();
  private final HookList<Consumer<Optimizer>> loadPost = new HookList<>();

  OptimizerHooks() {}

  /**
   * Runs a hook before each step; {@code register_step_pre_hook}.
   *
   * @param hook gets the optimizer and the step's options, and returns those to step with: the
   *     given ones, or others unless the step is a replay, whose options are recorded. Gradients
   *     and settings that it changes count for the step
   */
  public HookHandle registerStepPreHook(BiFunction<Optimizer, StepOptions, StepOptions> hook) {
    return stepPre.add(hook, false);
  }

  /**
   * Runs a hook after each step, also one that was skipped; {@code register_step_post_hook}.
   *
   * @param hook gets the optimizer and the step's result; asking the result may wait for the device
   */
  public HookHandle registerStepPostHook(BiConsumer<Optimizer, StepResult> hook) {
    return stepPost.add(hook, false);
  }

  /** Runs a hook before each {@link Optimizer#stateDict}, after all others. */
  public HookHandle registerStateDictPreHook(Consumer<Optimizer> hook) {
    return registerStateDictPreHook(hook, false);
  }

  /**
   * Runs a hook before each {@link Optimizer#stateDict}; {@code register_state_dict_pre_hook}.
   *
   * @param prepend whether before all others that are registered
   */
  public HookHandle registerStateDictPreHook(Consumer<Optimizer> hook, boolean prepend) {
    return stateDictPre.add(hook, prepend);
  }

  /** Runs a hook after each {@link Optimizer#stateDict}, after all others. */
  public HookHandle registerStateDictPostHook(BiFunction<Optimizer, StateDict, StateDict> hook) {
    return registerStateDictPostHook(hook, false);
  }

  /**
   * Runs a hook after each {@link Optimizer#stateDict}; {@code register_state_dict_post_hook}.
   *
   * @param hook returns the dict that the caller gets: the given one or another
   * @param prepend whether before all others that are registered
   */
  public HookHandle registerStateDictPostHook(
      BiFunction<Optimizer, StateDict, StateDict> hook, boolean prepend) {
    return stateDictPost.add(hook, prepend);
  }

  /** Runs a hook before each {@link Optimizer#loadStateDict}, after all others. */
  public HookHandle registerLoadStateDictPreHook(BiFunction<Optimizer, StateDict, StateDict> hook) {
    return registerLoadStateDictPreHook(hook, false);
  }

  /**
   * Runs a hook before each {@link Optimizer#loadStateDict}; {@code
   * register_load_state_dict_pre_hook}.
   *
   * @param hook returns the dict to load: the given one or another
   * @param prepend whether before all others that are registered
   */
  public HookHandle registerLoadStateDictPreHook(
      BiFunction<Optimizer, StateDict, StateDict> hook, boolean prepend) {
    return loadPre.add(hook, prepend);
  }

  /** Runs a hook after each {@link Optimizer#loadStateDict}, after all others. */
  public HookHandle registerLoadStateDictPostHook(Consumer<Optimizer> hook) {
    return registerLoadStateDictPostHook(hook, false);
  }

  /**
   * Runs a hook after each {@link Optimizer#loadStateDict}; {@code
   * register_load_state_dict_post_hook}.
   *
   * @param prepend whether before all others that are registered
   */
  public HookHandle registerLoadStateDictPostHook(Consumer<Optimizer> hook, boolean prepend) {
    return loadPost.add(hook, prepend);
  }

  /** Whether a step has none to run. */
  boolean haveNoneOfSteps() {
    return stepPre.isEmpty() && stepPost.isEmpty();
  }

  StepOptions beforeStep(Optimizer optimizer, StepOptions options) {
    return stepPre.isEmpty() ? options : folded(stepPre, optimizer, options);
  }

  void afterStep(Optimizer optimizer, StepResult result) {
    if (!stepPost.isEmpty()) {
      stepPost.run(hook -> hook.accept(optimizer, result));
    }
  }

  void beforeStateDict(Optimizer optimizer) {
    stateDictPre.run(hook -> hook.accept(optimizer));
  }

  StateDict afterStateDict(Optimizer optimizer, StateDict dict) {
    return folded(stateDictPost, optimizer, dict);
  }

  StateDict beforeLoad(Optimizer optimizer, StateDict dict) {
    return folded(loadPre, optimizer, dict);
  }

  void afterLoad(Optimizer optimizer) {
    loadPost.run(hook -> hook.accept(optimizer));
  }

  /** What the hooks make of a value, one after the other. */
  private static <T> T folded(
      HookList<BiFunction<Optimizer, T, T>> hooks, Optimizer optimizer, T value) {
    return hooks.fold(
        value,
        (hook, current) ->
            Objects.requireNonNull(hook.apply(optimizer, current), "a hook must not return null"));
  }
}
