// No update rule but the ceiling of one: reads parameter, gradient and two states, writes parameter and both states, as Adam
// does, and computes nothing. Benchmarks compare the rules with it.
#pragma once

#include "rules/arithmetic.h"

namespace warpstep {

struct Stream {
    static constexpr const char* kStates = "first,second";
    static constexpr int kStateCount = 2;
    static constexpr const char* kHyper = "";

    struct Hyper {};

    struct Coefficients {};

    static WS_RULE Coefficients coefficients(const Hyper&, int64_t) { return {}; }

    static WS_RULE void update(const Coefficients&, float gradient, float& p, float& first, float& second) {
        float old = p;
        p = first;
        first = second;
        second = __builtin_copysignf(old, gradient);
    }
};

}  // namespace warpstep
