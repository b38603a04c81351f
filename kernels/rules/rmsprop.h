// RMSprop.
//
//   g    = ±gradient + weight_decay·p
//   s    = s + (1 - alpha)(g² - s)
//   a    = a + (1 - alpha)(g - a)                          (centered)
//   d    = sqrt(s) + eps,  centered: sqrt(max(s - a², 0)) + eps
//   p    = p - lr·g/d,     momentum: b = momentum·b + g/d,  p = p - lr·b
//
// Hinton 2012 (lecture 6e), centered: Graves 2013 (arXiv 1308.0850); options and defaults are those of torch.optim.RMSprop.
// s - a² is a variance, which rounding can make negative for a constant gradient; PyTorch then writes NaN into the
// parameter, here it counts as zero.
#pragma once

#include "rules/arithmetic.h"

namespace warpstep {

template <class Real, bool Centered, bool Momentum>
struct RmsProp {
    static constexpr const char* kStates =
        Centered ? (Momentum ? "square_avg,momentum_buffer,grad_avg" : "square_avg,grad_avg")
                 : (Momentum ? "square_avg,momentum_buffer" : "square_avg");
    static constexpr int kStateCount = 1 + Centered + Momentum;
    static constexpr const char* kHyper = "lr,alpha,eps,weight_decay,momentum,maximize";

    struct Hyper {
        double lr, alpha, eps, weight_decay, momentum, maximize;
    };

    struct Coefficients {
        GradientTerms<Real> gradient_terms;
        MovingAverage<Real> average;
        Real eps, momentum, lr;
    };

    static WS_RULE Coefficients coefficients(const Hyper& h, int64_t) {
        return {GradientTerms<Real>::of(h.maximize, h.weight_decay),
                MovingAverage<Real>::of(h.alpha),
                static_cast<Real>(h.eps),
                static_cast<Real>(h.momentum),
                static_cast<Real>(h.lr)};
    }

    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p, Real& s) {
        static_assert(!Centered && !Momentum, "plain RMSprop keeps one state");
        Real g = c.gradient_terms(gradient, p);
        s = squares(c, s, g);
        p = fused_multiply_add(-c.lr, g / (square_root(s) + c.eps), p);
    }

    /// `second` is the momentum buffer, or the average of the gradients.
    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p, Real& s, Real& second) {
        static_assert(Centered != Momentum, "one of momentum and centered adds one state");
        Real g = c.gradient_terms(gradient, p);
        s = squares(c, s, g);
        if constexpr (Momentum) {
            accelerate(c, p, second, g / (square_root(s) + c.eps));
        } else {
            second = flushed(c.average(second, g));
            p = fused_multiply_add(-c.lr, g / (deviation(s, second) + c.eps), p);
        }
    }

    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p, Real& s, Real& buffer, Real& average) {
        static_assert(Centered && Momentum, "momentum and centered together keep three states");
        Real g = c.gradient_terms(gradient, p);
        s = squares(c, s, g);
        average = flushed(c.average(average, g));
        accelerate(c, p, buffer, g / (deviation(s, average) + c.eps));
    }

private:
    static WS_RULE Real squares(const Coefficients& c, Real s, Real g) { return flushed(c.average(s, g * g)); }

    static WS_RULE Real deviation(Real s, Real average) {
        Real variance = fused_multiply_add(-average, average, s);
        return square_root(variance < 0 ? 0 : variance);
    }

    static WS_RULE void accelerate(const Coefficients& c, Real& p, Real& buffer, Real scaled_gradient) {
        buffer = flushed(fused_multiply_add(c.momentum, buffer, scaled_gradient));
        p = fused_multiply_add(-c.lr, buffer, p);
    }
};

}  // namespace warpstep
