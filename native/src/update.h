// What the variants of update.cpp, one per instruction set, offer to the dispatcher.
#pragma once

#include "plan.h"

/// Arrays of one tensor, from the first element of a span on.
struct WsSpan {
    char* parameter;
    char* gradient;
    char* states[WS_MAX_STATES];
    char* average;  // or null
    char* master;   // or null
    WsSums* sums;   // of the first tile of the span, or null
    WsFormat format;
    uint64_t key;   // of stochastic rounding
    int64_t begin;  // first element within the tensor
    int64_t count;
};

using WsUpdate = void (*)(const WsRow* row, int64_t step, const WsVerdict& verdict, const WsSpan& span);

/// Reduces one tile of NOTE [lane order] in gradients.h, of `count` elements of a type.
using WsReduce = double (*)(int type, const char* tile, int64_t count);

// Instruction sets, worst first. The build compiles update.cpp once for each with -DWS_ISA=<name>.
#if defined(__x86_64__)
#define WS_ISAS(ISA) \
    ISA(baseline)    \
    ISA(avx2)        \
    ISA(avx512)
#else
#define WS_ISAS(ISA) ISA(baseline)
#endif

constexpr int64_t ws_size_of(int type) { return type == WS_FLOAT32 ? 4 : type == WS_FLOAT64 ? 8 : 2; }

// Update functions in the order of WS_ENTRIES, for tensors that are computed with in fp32 and in fp64; reductions in the
// order of WS_NORMS.
#define WS_DECLARE_UPDATES(name)                          \
    extern "C" const WsUpdate ws_updates_float_##name[];  \
    extern "C" const WsUpdate ws_updates_double_##name[]; \
    extern "C" const WsReduce ws_reduces_##name[];
WS_ISAS(WS_DECLARE_UPDATES)
#undef WS_DECLARE_UPDATES
