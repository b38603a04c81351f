package dev.warpstep.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** An option that counts something. */
final class PositiveInteger implements ITypeConverter<Integer> {
  @Override
  public Integer convert(String text) {
    try {
      int value = Integer.parseInt(text);
      if (value > 0) {
        return value;
      }
    } catch (NumberFormatException e) {
      // The same message.
    }
    throw new TypeConversionException("must be a positive integer, was " + text);
  }
}
