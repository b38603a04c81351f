// No update at all: for parameters without a gradient, which only their average follows.
#pragma once

#include "rules/arithmetic.h"

namespace warpstep {

template <class Real>
struct Frozen {
    static constexpr const char* kStates = "";
    static constexpr int kStateCount = 0;
    static constexpr const char* kHyper = "";

    struct Hyper {};

    struct Coefficients {};

    static WS_RULE Coefficients coefficients(const Hyper&, int64_t) { return {}; }

    static WS_RULE void update(const Coefficients&, Real, Real&) {}
};

}  // namespace warpstep
