// What the variants of update.cpp, one per instruction set, offer to the dispatcher.
#pragma once

#include "plan.h"

/// Arrays of one tensor, from the first element of a span on.
struct WsSpan {
    float* parameter;
    float* gradient;
    float* states[WS_MAX_STATES];
    float* average;  // or null
    int64_t count;
};

using WsUpdate = void (*)(const WsRow* row, int64_t step, const WsVerdict& verdict, const WsSpan& span);

/// Reduces one tile of NOTE [lane order] in gradients.h, of `count` elements.
using WsReduce = double (*)(const float* tile, int64_t count);

// Instruction sets, worst first. The build compiles update.cpp once for each with -DWS_ISA=<name>.
#if defined(__x86_64__)
#define WS_ISAS(ISA) \
    ISA(baseline)    \
    ISA(avx2)        \
    ISA(avx512)
#else
#define WS_ISAS(ISA) ISA(baseline)
#endif

// Update functions in the order of WS_ENTRIES, reductions in that of WS_NORMS.
#define WS_DECLARE_UPDATES(name)                   \
    extern "C" const WsUpdate ws_updates_##name[]; \
    extern "C" const WsReduce ws_reduces_##name[];
WS_ISAS(WS_DECLARE_UPDATES)
#undef WS_DECLARE_UPDATES
