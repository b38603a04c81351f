// What happens to a gradient between the backward pass and the rule, and to the parameter's average after it: scale, norm,
// clipping, skipping. The same text on every device, like the rules.
//
//   norm        = |gradients| / scale                       over all tensors, 2-norm or infinity norm
//   coefficient = min(1, max_norm / (norm + 1e-6))          torch.nn.utils.clip_grad_norm_
//   g           = clamp(gradient · coefficient / scale, -largest, largest)
//   average     = average + w (p - average)                 w = 1 - decay, or 1/(n + 1) for the mean; the first time w = 1
//
// torch.amp.GradScaler: after an infinity or NaN the step is skipped and scale *= backoff_factor; after growth_interval
// steps without one, scale *= growth_factor. torch.optim.swa_utils.AveragedModel. A skipped step counts for neither average.
#pragma once

#include "plan.h"
#include "rules/arithmetic.h"

namespace warpstep {

// NOTE [lane order]
// A sum depends on its order, so the order is part of the result and never follows from grid, threads or vector width.
// A tile is 8,192 elements of one tensor, from a multiple of 8,192 on. Lane l of 1,024 takes its elements l, l + 1,024, ...
// one after the other; then the lanes are folded in halves: lane l takes lane l + 512, lanes below 256 take l + 256, ... down
// to lane 0. The tiles' values, tensor after tensor, are reduced the same way, as if they were one tile of any length.
// 1,024 lanes are four for each of 256 threads, whether a thread reads four neighbours at a time or not.
constexpr int kLanes = 1024;
constexpr int64_t kReductionTile = 8192;

/// Sum of squares. The square of a float is exact in a double, and the sum finite exactly if all elements are.
struct TwoNorm {
    static WS_RULE double term(double element) { return element * element; }
    static WS_RULE double combine(double a, double b) { return a + b; }
};

/// Largest magnitude; a NaN wins.
struct InfinityNorm {
    static WS_RULE double term(double element) { return element < 0 ? -element : element; }
    static WS_RULE double combine(double a, double b) { return b > a || b != b ? b : a; }
};

// The norms that can be taken, by the name of their kernel.
#define WS_NORMS(NORM)            \
    NORM(norm, warpstep::TwoNorm) \
    NORM(infinity_norm, warpstep::InfinityNorm)

/// Folds the lanes in halves, alone. The result is in the first.
template <class Norm>
WS_RULE double fold_lanes(double* lanes) {
    for (int half = kLanes / 2; half > 0; half /= 2) {
        for (int lane = 0; lane < half; lane++) {
            lanes[lane] = Norm::combine(lanes[lane], lanes[lane + half]);
        }
    }
    return lanes[0];
}

WS_RULE bool is_finite(double a) { return a - a == 0.0; }

/// What a verdict does to the elements of one tensor.
template <class Real>
struct Treatment {
    Real multiplier;
    Real largest;
    MovingAverage<Real> average;

    static WS_RULE Treatment of(const WsVerdict& verdict) {
        return {static_cast<Real>(verdict.multiplier),
                static_cast<Real>(verdict.largest),
                MovingAverage<Real>::of(1.0 - verdict.average_weight)};
    }

    /// The gradient as the rule sees it. NaN stays.
    WS_RULE Real treated(Real gradient) const {
        Real g = multiplier * gradient;
        g = g > largest ? largest : g;
        return g < -largest ? -largest : g;
    }

    /// Whether the next value takes the average's place.
    WS_RULE bool replaces_average() const { return average.factor == 0 && !average.from_old; }

    /// An average that is not replaced, after one more value. Below the smallest normal number it vanishes, as state does.
    WS_RULE Real moved(Real old, Real parameter) const { return flushed(average(old, parameter)); }

    WS_RULE Real averaged(Real old, Real parameter) const {
        return replaces_average() ? parameter : moved(old, parameter);
    }
};

/// Weight of the next value in an average.
WS_RULE double next_weight(const WsAverage& average) {
    return average.updates == 0   ? 1.0
           : average.decay >= 0.0 ? 1.0 - average.decay
                                  : 1.0 / static_cast<double>(average.updates + 1);
}

/// torch.amp.GradScaler.update.
WS_RULE void update_scaler(WsScaler& scaler) {
    if (scaler.found_infinity != 0) {
        scaler.scale = static_cast<float>(static_cast<double>(scaler.scale) * scaler.backoff_factor);
        scaler.growth_tracker = 0;
    } else if (scaler.growth_tracker + 1 == scaler.growth_interval) {
        float grown = static_cast<float>(static_cast<double>(scaler.scale) * scaler.growth_factor);
        scaler.scale = is_finite(static_cast<double>(grown)) ? grown : scaler.scale;
        scaler.growth_tracker = 0;
    } else {
        scaler.growth_tracker++;
    }
    scaler.found_infinity = 0;
}

/// Folds what the norm pass found into the verdict. `total` is TwoNorm's or InfinityNorm's, of the scaled gradients.
WS_RULE void conclude(WsControl& control, double total) {
    WsScaler* scaler = reinterpret_cast<WsScaler*>(control.scaler);
    WsAverage* average = reinterpret_cast<WsAverage*>(control.average);
    double scale = scaler != nullptr ? static_cast<double>(scaler->scale) : control.scale;
    double norm = (control.flags & WS_INFINITY_NORM ? total : square_root(total)) / scale;
    bool skip = !is_finite(norm) && (control.flags & WS_SKIP_NONFINITE) != 0;
    double coefficient = control.max_norm / (norm + 1e-6);
    bool clips = is_finite(control.max_norm) && !(coefficient > 1.0);
    control.verdict.multiplier = (clips ? coefficient : 1.0) / scale;
    control.verdict.largest = control.largest;
    control.verdict.skip = skip ? 1 : 0;
    control.verdict.zero_gradients = (control.flags & WS_ZERO_GRADIENTS) != 0 ? 1 : 0;
    control.verdict.average = average != nullptr ? 1 : 0;
    if (average != nullptr) {
        control.verdict.average_weight = next_weight(*average);
        average->updates += skip ? 0 : 1;
    }
    if (scaler != nullptr) {
        scaler->found_infinity |= is_finite(norm) ? 0 : 1;
        if ((control.flags & WS_UPDATE_SCALER) != 0) {
            update_scaler(*scaler);
        }
    }
    control.applied += skip ? 0 : 1;
    control.results[control.sequence % WS_RESULTS] = {norm, scale, control.applied, skip ? 1 : 0};
    control.sequence++;
}

}  // namespace warpstep
