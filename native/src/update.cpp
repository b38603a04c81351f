// The CPU traversal: one loop over a span, with a rule inlined into it. Compiled once per instruction set (WS_ISA names it);
// the vectoriser chooses widths and writes the tails, and every width gives the same bits because a cell knows no neighbours.
#include "update.h"

#include <cstring>
#include <utility>

#include "entries.h"

#ifndef WS_ISA
#error "compile with -DWS_ISA=<one of WS_ISAS>"
#endif
#define WS_CONCAT(a, b) a##b
#define WS_UPDATES(isa) WS_CONCAT(ws_updates_, isa)

// Parameter, gradient and states never overlap; without the promise the vectoriser gives up at five arrays.
#if defined(__clang__)
#define WS_INDEPENDENT_CELLS _Pragma("clang loop vectorize(assume_safety)")
#else
#define WS_INDEPENDENT_CELLS _Pragma("GCC ivdep")
#endif

namespace warpstep {
namespace {

template <class Rule, size_t... I>
void update_span(const typename Rule::Coefficients& coefficients, float* parameter, const float* gradient,
                 float* const* states, int64_t count, std::index_sequence<I...>) {
    float* state[sizeof...(I) + 1] = {states[I]..., nullptr};
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

template <class Rule>
void update(const WsRow* row, int64_t step, float* parameter, const float* gradient, float* const* states,
            int64_t count) {
    typename Rule::Hyper hyper;
    std::memcpy(&hyper, row, sizeof hyper);
    update_span<Rule>(Rule::coefficients(hyper, step),
                      parameter,
                      gradient,
                      states,
                      count,
                      std::make_index_sequence<Rule::kStateCount>());
}

}  // namespace
}  // namespace warpstep

#define WS_UPDATE_OF(name, ...) &warpstep::update<__VA_ARGS__>,
extern "C" const WsUpdate WS_UPDATES(WS_ISA)[] = {WS_ENTRIES(WS_UPDATE_OF)};
