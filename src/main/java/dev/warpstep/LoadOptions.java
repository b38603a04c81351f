package dev.warpstep;

import java.util.Objects;

/**
 * How {@link Optimizer#loadStateDict(StateDict, LoadOptions)} takes over a state dict.
 *
 * <pre>{@code
 * LoadReport report = adam.loadStateDict(dict, LoadOptions.defaults().strict(false));
 * }</pre>
 *
 * @param matching which parameter of the dict is which of the optimizer; {@link Matching#NAME} by
 *     default
 * @param strict whether everything missing or unexpected is an error, as by default; otherwise it
 *     is reported
 * @param convertDtypes whether state of another type is converted, rounding to nearest, instead of
 *     refused as by default. The converted arrays are the extra memory of such a load. Numbers that
 *     only the other type can hold are refused
 */
public record LoadOptions(Matching matching, boolean strict, boolean convertDtypes) {
  private static final LoadOptions DEFAULTS = new LoadOptions(Matching.NAME, true, false);

  /** What makes a parameter of a dict the same as one of the optimizer. */
  public enum Matching {
    /** The same name; when strict, in the same group, too. */
    NAME,
    /** The same place in the same group, as in PyTorch. Names mean nothing. */
    POSITION
  }

  /** Checks that there is a matching. */
  public LoadOptions {
    Objects.requireNonNull(matching, "matching");
  }

  /** By name, strict, without conversion: what {@link Optimizer#loadStateDict(StateDict)} does. */
  public static LoadOptions defaults() {
    return DEFAULTS;
  }

  /** These options with another matching. */
  public LoadOptions matching(Matching newMatching) {
    return new LoadOptions(newMatching, strict, convertDtypes);
  }

  /** These options, strict or not. */
  public LoadOptions strict(boolean nowStrict) {
    return new LoadOptions(matching, nowStrict, convertDtypes);
  }

  /** These options, with conversion or without. */
  public LoadOptions convertDtypes(boolean converts) {
    return new LoadOptions(matching, strict, converts);
  }
}
