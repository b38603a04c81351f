package dev.warpstep;

/**
 * What one step did to one param group, over all its parameters that had a gradient. Summed up in
 * the pass of the update, in double, in the fixed order of all reductions: the same bits on every
 * device.
 *
 * @param gradientNorm 2-norm of the gradients divided by the scale, before any clipping
 * @param parameterNorm 2-norm of the parameters after the step; of their master weights, where they
 *     have any
 * @param updateNorm 2-norm of what the step added to the parameters, as far as it was not lost in
 *     rounding
 * @param zeroGradients how many elements of the gradients are zero
 * @param elements how many there are
 */
public record GroupStatistics(
    double gradientNorm,
    double parameterNorm,
    double updateNorm,
    long zeroGradients,
    long elements) {}
