// Adam and AdamW.
//
//   g  = ±gradient + weight_decay·p                        (Adam: coupled)
//   p  = p·(1 - lr·weight_decay)                           (AdamW: decoupled)
//   m  = m + (1 - beta1)(g - m)
//   v  = v + (1 - beta2)(g² - v)
//   p  = p - lr/(1 - beta1^t) · m / (sqrt(v / (1 - beta2^t)) + eps)
//
// AMSGrad divides by the largest v so far. Kingma & Ba 2015 (arXiv 1412.6980), Loshchilov & Hutter 2019 (arXiv 1711.05101),
// Reddi et al. 2018; options and defaults are those of torch.optim.Adam and AdamW. The square root of the second bias
// correction is multiplied into step size and eps, which leaves one division and one square root per element. The decoupled
// decay is subtracted, since 1 - lr·weight_decay rounded to fp32 misses a decay of 1e-5 by up to 0.3 %, every step alike.
#pragma once

#include "rules/arithmetic.h"

namespace warpstep {

template <class Real, bool Amsgrad>
struct Adam {
    static constexpr const char* kStates = Amsgrad ? "exp_avg,exp_avg_sq,max_exp_avg_sq" : "exp_avg,exp_avg_sq";
    static constexpr int kStateCount = Amsgrad ? 3 : 2;
    static constexpr const char* kHyper = "lr,beta1,beta2,eps,weight_decay,maximize,decoupled_weight_decay";

    struct Hyper {
        double lr, beta1, beta2, eps, weight_decay, maximize, decoupled_weight_decay;
    };

    struct Coefficients {
        GradientTerms<Real> gradient_terms;
        MovingAverage<Real> first_moment, second_moment;
        Real shrink;     // lr·weight_decay when decoupled, else 0
        Real step_size;  // lr·sqrt(1 - beta2^t)/(1 - beta1^t)
        Real eps;        // eps·sqrt(1 - beta2^t)
    };

    static WS_RULE Coefficients coefficients(const Hyper& h, int64_t step) {
        bool decoupled = h.decoupled_weight_decay != 0.0;
        double root = square_root(bias_correction(h.beta2, step));
        return {GradientTerms<Real>::of(h.maximize, decoupled ? 0.0 : h.weight_decay),
                MovingAverage<Real>::of(h.beta1),
                MovingAverage<Real>::of(h.beta2),
                static_cast<Real>(decoupled ? h.lr * h.weight_decay : 0.0),
                static_cast<Real>(h.lr * root / bias_correction(h.beta1, step)),
                static_cast<Real>(h.eps * root)};
    }

    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p, Real& m, Real& v) {
        static_assert(!Amsgrad, "AMSGrad keeps three states");
        moments(c, gradient, p, m, v);
        apply(c, p, m, v);
    }

    static WS_RULE void update(const Coefficients& c, Real gradient, Real& p, Real& m, Real& v, Real& largest_v) {
        static_assert(Amsgrad, "only AMSGrad keeps three states");
        moments(c, gradient, p, m, v);
        largest_v = largest_v > v ? largest_v : v;  // a NaN in v wins, as in torch.maximum
        apply(c, p, m, largest_v);
    }

private:
    static WS_RULE void moments(const Coefficients& c, Real gradient, Real p, Real& m, Real& v) {
        Real g = c.gradient_terms(gradient, p);
        m = flushed(c.first_moment(m, g));
        v = flushed(c.second_moment(v, g * g));
    }

    static WS_RULE void apply(const Coefficients& c, Real& p, Real m, Real v) {
        Real shrunk = c.shrink != 0 ? fused_multiply_add(-c.shrink, p, p) : p;
        p = fused_multiply_add(-c.step_size, m / (square_root(v) + c.eps), shrunk);
    }
};

}  // namespace warpstep
