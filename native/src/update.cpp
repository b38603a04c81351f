// The CPU traversal: one loop over a span, with a rule inlined into it. Compiled once per instruction set (WS_ISA names it);
// the vectoriser chooses widths and writes the tails, and every width gives the same bits because a cell knows no neighbours.
#include "update.h"

#include <cstring>
#include <utility>

#include "entries.h"
#include "gradients.h"

#ifndef WS_ISA
#error "compile with -DWS_ISA=<one of WS_ISAS>"
#endif
#define WS_CONCAT(a, b) a##b
#define WS_UPDATES(isa) WS_CONCAT(ws_updates_, isa)
#define WS_REDUCES(isa) WS_CONCAT(ws_reduces_, isa)

// Parameter, gradient and states never overlap; without the promise the vectoriser gives up at five arrays.
#if defined(__clang__)
#define WS_INDEPENDENT_CELLS _Pragma("clang loop vectorize(assume_safety)")
#else
#define WS_INDEPENDENT_CELLS _Pragma("GCC ivdep")
#endif

namespace warpstep {
namespace {

// Inlined always: behind a call, coefficients could be among the floats that are stored, and nothing would be vectorised.
template <class Rule, size_t... I>
inline __attribute__((always_inline)) void update_cells(const typename Rule::Coefficients& coefficients,
                                                        const WsSpan& span, const float* gradient,
                                                        std::index_sequence<I...>) {
    float* parameter = span.parameter;
    float* state[sizeof...(I) + 1] = {span.states[I]..., nullptr};
    int64_t count = span.count;
    // All loads, then all stores: a reference into an array would be read again after a store to another one, and arrays
    // whose addresses agree in their last 12 bits, as all large ones do, then look to the processor as if they overlapped.
    // Adam loses a tenth of its bandwidth and a quarter of its speed in the cache that way.
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        float p = parameter[i];
        float s[sizeof...(I) + 1] = {state[I][i]..., 0.0f};
        Rule::update(coefficients, gradient[i], p, s[I]...);
        parameter[i] = p;
        ((state[I][i] = s[I]), ...);
    }
}

// What every rule has in common goes over a block at a time, while it lies in the first-level cache: memory still is passed
// over once, and there is one loop for each thing instead of one for each combination of rule and things.
constexpr int64_t kBlock = 1024;

void treat(const WsVerdict& verdict, const float* gradient, float* result, int64_t count) {
    WsVerdict v = verdict;
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        result[i] = treated(v, gradient[i]);
    }
}

void update_average(const WsVerdict& verdict, float* average, const float* parameter, int64_t count) {
    WsVerdict v = verdict;
    WS_INDEPENDENT_CELLS
    for (int64_t i = 0; i < count; i++) {
        average[i] = averaged(v, average[i], parameter[i]);
    }
}

WsSpan block_of(const WsSpan& span, int64_t begin, int64_t most) {
    WsSpan block = span;
    block.parameter += begin;
    block.gradient += begin;
    for (float*& state : block.states) {
        state = state == nullptr ? nullptr : state + begin;
    }
    block.average = span.average == nullptr ? nullptr : span.average + begin;
    block.count = span.count - begin < most ? span.count - begin : most;
    return block;
}

template <class Rule>
void update(const WsRow* row, int64_t step, const WsVerdict& verdict, const WsSpan& span) {
    constexpr auto states = std::make_index_sequence<Rule::kStateCount>();
    typename Rule::Hyper hyper;
    std::memcpy(&hyper, row, sizeof hyper);
    typename Rule::Coefficients coefficients = Rule::coefficients(hyper, step);
    bool treats = verdict.multiplier != 1.0f || verdict.largest < __builtin_inff();
    bool averages = verdict.average != 0 && span.average != nullptr;
    // A parameter that only its average follows has itself as gradient.
    bool zeroes = verdict.zero_gradients != 0 && span.gradient != span.parameter;
    int64_t stride = treats || averages || zeroes ? kBlock : span.count;
    for (int64_t begin = 0; begin < span.count; begin += stride) {
        WsSpan block = block_of(span, begin, stride);
        float gradient[kBlock];
        if (treats) {
            treat(verdict, block.gradient, gradient, block.count);
        }
        update_cells<Rule>(coefficients, block, treats ? gradient : block.gradient, states);
        if (averages) {
            update_average(verdict, block.average, block.parameter, block.count);
        }
        if (zeroes) {
            std::memset(block.gradient, 0, block.count * sizeof(float));
        }
    }
}

// NOTE [lane order] in gradients.h.
template <class Norm>
double reduce(const float* tile, int64_t count) {
    double lanes[kLanes] = {};
    for (int64_t begin = 0; begin < count; begin += kLanes) {
        int64_t width = count - begin < kLanes ? count - begin : kLanes;
        for (int64_t lane = 0; lane < width; lane++) {
            lanes[lane] = Norm::combine(lanes[lane], Norm::term(tile[begin + lane]));
        }
    }
    return fold_lanes<Norm>(lanes);
}

}  // namespace
}  // namespace warpstep

#define WS_UPDATE_OF(name, ...) &warpstep::update<__VA_ARGS__>,
extern "C" const WsUpdate WS_UPDATES(WS_ISA)[] = {WS_ENTRIES(WS_UPDATE_OF)};

#define WS_REDUCE_OF(name, ...) &warpstep::reduce<__VA_ARGS__>,
extern "C" const WsReduce WS_REDUCES(WS_ISA)[] = {WS_NORMS(WS_REDUCE_OF)};
