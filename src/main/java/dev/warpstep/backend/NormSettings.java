package dev.warpstep.backend;

import java.util.Optional;

/**
 * What a norm pass is to conclude ({@code WsControl} in {@code kernels/plan.h}).
 *
 * @param infinityNorm the largest magnitude instead of the root of the sum of squares
 * @param maxNorm that the norm is clipped to; infinity: any
 * @param scale gradients are divided by it, if there is no scaler
 * @param scaler a {@code WsScaler}
 * @param updateScaler whether the scale is updated at once
 * @param average a {@code WsAverage}
 * @param largest magnitude that elements are clipped to; infinity: any
 * @param skipNonfinite whether nothing is updated if the norm is not finite
 * @param zeroGradients whether gradients are zero afterwards
 */
public record NormSettings(
    boolean infinityNorm,
    double maxNorm,
    double scale,
    Optional<DeviceStruct> scaler,
    boolean updateScaler,
    Optional<DeviceStruct> average,
    double largest,
    boolean skipNonfinite,
    boolean zeroGradients) {}
