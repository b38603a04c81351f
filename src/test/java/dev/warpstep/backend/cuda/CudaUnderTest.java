package dev.warpstep.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.warpstep.Device;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** What {@link OnCuda} does. */
final class CudaUnderTest implements ExecutionCondition, BeforeEachCallback, AfterEachCallback {
  private static final class Found {
    static final Optional<Simulator> SIMULATOR = Simulator.find();
    static final Optional<Throwable> CAUSE = Device.cudaUnavailabilityCause();

    static {
      if (CAUSE.isEmpty()) {
        try (Device device = Device.cuda()) {
          System.out.printf(
              "CUDA tests run on the %s driver: %s%n",
              SIMULATOR.isPresent() ? "software" : "real", device);
        }
      }
    }
  }

  /** The software driver; without it the test is skipped. */
  static Simulator simulator() {
    Assumptions.assumeTrue(
        Found.SIMULATOR.isPresent(), "needs the software driver, this one is real");
    return Found.SIMULATOR.orElseThrow();
  }

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    return Found.CAUSE
        .map(cause -> ConditionEvaluationResult.disabled(cause.getMessage()))
        .orElseGet(() -> ConditionEvaluationResult.enabled("there is a CUDA device"));
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    Found.SIMULATOR.ifPresent(Simulator::reset);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (Found.SIMULATOR.isPresent() && context.getExecutionException().isEmpty()) {
      Simulator simulator = Found.SIMULATOR.get();
      assertEquals(Map.of(), simulator.left(), "left in the driver");
      assertEquals("", simulator.unexpectedCalls(), "functions that are not simulated");
    }
  }
}
