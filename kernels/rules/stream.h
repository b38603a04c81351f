// No update rule but the ceiling of one: reads parameter, gradient and two states, writes parameter and both states, as Adam
// does, and computes nothing. Benchmarks compare the rules with it.
#pragma once

#include "rules/arithmetic.h"

namespace warpstep {

template <class Real>
struct Stream {
    static constexpr const char* kStates = "first,second";
    static constexpr int kStateCount = 2;
    static constexpr const char* kHyper = "";

    struct Hyper {};

    struct Coefficients {};

    static WS_RULE Coefficients coefficients(const Hyper&, int64_t) { return {}; }

    static WS_RULE void update(const Coefficients&, Real gradient, Real& p, Real& first, Real& second) {
        Real old = p;
        p = first;
        first = second;
        second = with_sign_of(gradient, old);
    }
};

}  // namespace warpstep
