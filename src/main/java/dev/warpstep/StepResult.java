package dev.warpstep;

import dev.warpstep.backend.StepControl;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What became of a step. It is known when the device is done: the first question waits for that,
 * unless the step measured nothing, and the step itself never does. The results of the last 64
 * steps that measured are kept; one that is older and was not asked for is lost.
 *
 * <p>One thread at a time, together with the optimizer.
 */
public final class StepResult {
  private final StepControl control;
  private final long pass;
  private final long plainSteps;
  private final double scale;
  private final boolean measured;
  private final Optional<StatisticsOfStep> statistics;
  private Optional<List<GroupStatistics>> read = Optional.empty();
  private Optional<StepControl.Result> found = Optional.empty();

  private StepResult(
      StepControl control,
      boolean measured,
      long pass,
      long plainSteps,
      double scale,
      Optional<StatisticsOfStep> statistics) {
    this.control = control;
    this.measured = measured;
    this.pass = pass;
    this.plainSteps = plainSteps;
    this.scale = scale;
    this.statistics = statistics;
  }

  /** Of a step whose norm pass was the latest. */
  static StepResult measured(
      StepControl control, long plainSteps, Optional<StatisticsOfStep> statistics) {
    return new StepResult(control, true, control.passes() - 1, plainSteps, Double.NaN, statistics);
  }

  /** Of a step without a norm pass. */
  static StepResult plain(
      StepControl control, long plainSteps, double scale, Optional<StatisticsOfStep> statistics) {
    return new StepResult(control, false, control.passes() - 1, plainSteps, scale, statistics);
  }

  /**
   * Whether nothing was updated, because a gradient was infinite or NaN.
   *
   * @throws IllegalStateException if the result is lost, or the optimizer is closed
   */
  public boolean skipped() {
    return measured && result().skipped();
  }

  /**
   * The norm of all gradients, unscaled, before clipping, in the options' norm; empty if the step
   * did not measure it. It may be infinite or NaN.
   *
   * @throws IllegalStateException if the result is lost, or the optimizer is closed
   */
  public OptionalDouble norm() {
    return measured ? OptionalDouble.of(result().norm()) : OptionalDouble.empty();
  }

  /**
   * What the step divided the gradients by.
   *
   * @throws IllegalStateException if the result is lost, or the optimizer is closed
   */
  public double scale() {
    return measured ? result().scale() : scale;
  }

  /**
   * How many steps of the optimizer were applied, this one included, since it was built: those that
   * were not skipped. A learning rate schedule may follow this number.
   *
   * @throws IllegalStateException if the result is lost, or the optimizer is closed
   */
  public long appliedSteps() {
    return plainSteps + (pass < 0 ? 0 : result().appliedSteps());
  }

  /**
   * What the step did to each param group, in their order; empty if the options did not ask for it
   * or the step was skipped. Waits for the device.
   *
   * @throws IllegalStateException if it was not read before the next step with statistics, or
   *     before parameters or groups changed, or the optimizer is closed
   */
  public Optional<List<GroupStatistics>> statistics() {
    if (statistics.isEmpty() || skipped()) {
      return Optional.empty();
    }
    if (read.isEmpty()) {
      read = Optional.of(statistics.get().read(scale()));
    }
    return read;
  }

  private StepControl.Result result() {
    if (found.isEmpty()) {
      found = Optional.of(control.result(pass));
    }
    return found.get();
  }

  @Override
  public String toString() {
    return found
        .map(Object::toString)
        .orElse(measured ? "StepResult[not asked for]" : "StepResult[applied]");
  }
}
