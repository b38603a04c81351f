package dev.warpstep.checkpoint;

/**
 * Names in a file. Tensors:
 *
 * <pre>
 *   optimizer.state.PARAMETER.STATE     STATE has no dot
 *   parameter.PARAMETER
 *   average.AVERAGE.PARAMETER           AVERAGE has no dot
 * </pre>
 *
 * <p>Metadata, a string each:
 *
 * <pre>
 *   warpstep.version                    1
 *   warpstep.crc32c                     of length and header, with zeros in place of itself
 *   warpstep.step                       of the run
 *   warpstep.seed
 *   warpstep.rounding                   {"seed": 1, "steps": 2}
 *   warpstep.group.INDEX                {"lr": 0.001, ...}
 *   warpstep.parameter.PARAMETER        group, position in it, and its step: a number, - if it has
 *                                       no state, ? if its rule does not count
 *   warpstep.scheduler.NAME             {"scheduler": "StepLR", "values": {...}, "schedulers": []}
 *   warpstep.scaler                     {"scale": 65536.0, ...}
 *   warpstep.average.AVERAGE            {"decay": 0.999, "updates": 3}; without decay the mean
 *   warpstep.crc32c.TENSOR              of its bytes in the file, eight hexadecimal digits
 *   anything else                       the user's
 * </pre>
 */
final class Keys {
  static final String METADATA = "__metadata__";

  static final String OPTIMIZER_TENSOR = "optimizer.state.";
  static final String PARAMETER_TENSOR = "parameter.";
  static final String AVERAGE_TENSOR = "average.";

  static final String OWN = "warpstep.";
  static final String VERSION = OWN + "version";
  static final String CHECKSUM = OWN + "crc32c";
  static final String STEP = OWN + "step";
  static final String SEED = OWN + "seed";
  static final String ROUNDING = OWN + "rounding";
  static final String GROUP = OWN + "group.";
  static final String PARAMETER = OWN + "parameter.";
  static final String SCHEDULER = OWN + "scheduler.";
  static final String SCALER = OWN + "scaler";
  static final String AVERAGE = OWN + "average.";
  static final String TENSOR_CHECKSUM = CHECKSUM + ".";

  static final String NO_STATE = "-";
  static final String UNCOUNTED = "?";

  private Keys() {}
}
