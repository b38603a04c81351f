// The few operations that rules are written with. Each is one correctly rounded IEEE operation, or a compare and select,
// so that every compiler, instruction set and device gives the same bits. See NOTE [same bits everywhere].
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define WS_RULE __host__ __device__ __forceinline__
#else
// Always inlined, also because the CPU library compiles this text once per instruction set: an out-of-line copy could be
// merged by the linker into a variant for a CPU that lacks the instructions.
#define WS_RULE inline __attribute__((always_inline))
#endif

// NOTE [same bits everywhere]
// A multiply and an add that may be one rounding are written fused_multiply_add; everything else is rounded on its own, which
// holds because neither side contracts (nvcc --fmad=false, C++ -ffp-contract=off), flushes denormals or approximates
// division and square root. No pow, exp or rsqrt: their last bits differ between libraries. What depends only on the hyper-
// parameters and the step is folded in double first and rounded to float once.

namespace warpstep {

WS_RULE float fused_multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

WS_RULE double fused_multiply_add(double a, double b, double c) { return __builtin_fma(a, b, c); }

WS_RULE float square_root(float a) { return __builtin_sqrtf(a); }

WS_RULE double square_root(double a) { return __builtin_sqrt(a); }

WS_RULE float with_sign_of(float sign, float magnitude) { return __builtin_copysignf(magnitude, sign); }

WS_RULE double with_sign_of(double sign, double magnitude) { return __builtin_copysign(magnitude, sign); }

template <class Real>
constexpr Real kSmallestNormal = static_cast<Real>(1.17549435e-38f);
template <>
constexpr double kSmallestNormal<double> = 2.2250738585072014e-308;

/// State below the smallest normal number becomes zero; NaN stays. Denormal operands make x86 ten times slower, and a state
/// of 1e-38 cannot move a parameter.
template <class Real>
WS_RULE Real flushed(Real state) {
    constexpr Real smallest_normal = kSmallestNormal<Real>;
    return (state < 0 ? -state : state) < smallest_normal ? Real(0) : state;
}

/// base to the power of a non-negative integer, by repeated squaring: at most 2 * 63 multiplications, each correctly rounded.
WS_RULE double integer_power(double base, int64_t exponent) {
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) {
            result *= base;
        }
        base *= base;
    }
    return result;
}

/// 1 - beta^step: what an exponential moving average that began at zero still lacks after `step` values.
WS_RULE double bias_correction(double beta, int64_t step) { return 1.0 - integer_power(beta, step); }

/// An exponential moving average, old + (1 - beta)(value - old), written from the end it stays closer to, as torch.lerp does.
/// With beta = 0 the result is exactly the value, and the fixed point of a constant value is exactly that value, which
/// beta * old + (1 - beta) * value misses by up to 1e-5 because the two factors are rounded apart.
template <class Real>
struct MovingAverage {
    Real factor;
    bool from_old;

    static WS_RULE MovingAverage of(double beta) {
        double weight = 1.0 - beta;
        bool from_old = weight < 0.5;
        return {static_cast<Real>(from_old ? weight : -beta), from_old};
    }

    WS_RULE Real operator()(Real old, Real value) const {
        return fused_multiply_add(factor, value - old, from_old ? old : value);
    }
};

/// What every rule does to the gradient first: negate it when maximizing, then add the coupled (L2) weight decay.
template <class Real>
struct GradientTerms {
    Real sign;
    Real weight_decay;

    static WS_RULE GradientTerms of(double maximize, double weight_decay) {
        return {maximize != 0.0 ? Real(-1) : Real(1), static_cast<Real>(weight_decay)};
    }

    /// Without weight decay the parameter is not touched: an infinite parameter must not turn the gradient into NaN.
    WS_RULE Real operator()(Real gradient, Real parameter) const {
        Real signed_gradient = sign * gradient;
        return weight_decay != 0 ? fused_multiply_add(weight_decay, parameter, signed_gradient) : signed_gradient;
    }
};

}  // namespace warpstep
