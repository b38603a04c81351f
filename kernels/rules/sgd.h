// Stochastic gradient descent, with momentum and Nesterov's variant.
//
//   g = ±gradient + weight_decay·p
//   b = momentum·b + (1 - dampening)·g                     (first step: b = g)
//   p = p - lr·g,  momentum: p - lr·b,  Nesterov: p - lr·(g + momentum·b)
//
// Sutskever et al. 2013; options, defaults and the undampened first step are those of torch.optim.SGD.
#pragma once

#include "rules/arithmetic.h"

namespace warpstep {

template <class Real, bool Momentum>
struct Sgd {
    static constexpr const char* kStates = Momentum ? "momentum_buffer" : "";
    static constexpr int kStateCount = Momentum ? 1 : 0;
    static constexpr const char* kHyper = "lr,momentum,dampening,weight_decay,nesterov,maximize";

    struct Hyper {
        double lr, momentum, dampening, weight_decay, nesterov, maximize;
    };

    struct Coefficients {
        GradientTerms<Real> gradient_terms;
        Real lr, momentum, undampened;
        bool nesterov;
    };

    static WS_RULE Coefficients coefficients(const Hyper& h, int64_t step) {
        return {GradientTerms<Real>::of(h.maximize, h.weight_decay),
                static_cast<Real>(h.lr),
                static_cast<Real>(h.momentum),
                static_cast<Real>(step == 1 ? 1.0 : 1.0 - h.dampening),
                h.nesterov != 0.0};
    }

    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p) {
        static_assert(!Momentum, "without momentum there is no state");
        p = fused_multiply_add(-c.lr, c.gradient_terms(gradient, p), p);
    }

    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p, Real& buffer) {
        static_assert(Momentum, "momentum keeps one state");
        Real g = c.gradient_terms(gradient, p);
        buffer = flushed(fused_multiply_add(c.momentum, buffer, c.undampened * g));
        p = fused_multiply_add(-c.lr, c.nesterov ? fused_multiply_add(c.momentum, buffer, g) : buffer, p);
    }
};

}  // namespace warpstep
