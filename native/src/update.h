// What the variants of update.cpp, one per instruction set, offer to the dispatcher.
#pragma once

#include "plan.h"

using WsUpdate = void (*)(const WsRow* row, int64_t step, float* parameter, const float* gradient, float* const* states,
                          int64_t count);

// Instruction sets, worst first. The build compiles update.cpp once for each with -DWS_ISA=<name>.
#if defined(__x86_64__)
#define WS_ISAS(ISA) \
    ISA(baseline)    \
    ISA(avx2)        \
    ISA(avx512)
#else
#define WS_ISAS(ISA) ISA(baseline)
#endif

// Update functions in the order of WS_ENTRIES.
#define WS_DECLARE_UPDATES(name) extern "C" const WsUpdate ws_updates_##name[];
WS_ISAS(WS_DECLARE_UPDATES)
#undef WS_DECLARE_UPDATES
