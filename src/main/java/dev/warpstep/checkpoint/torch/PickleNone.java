package dev.warpstep.checkpoint.torch;

/** Python's {@code None}. */
enum PickleNone {
  NONE
}
