package dev.warpstep.checkpoint.torch;

/**
 * A setting of a file that Warpstep has no use for, because it does not change what a step
 * computes, such as {@code foreach}.
 *
 * @param group index of the param group
 * @param name PyTorch's
 * @param value as text; of what is neither number, switch nor text only its kind
 */
public record DroppedSetting(int group, String name, String value) {}
