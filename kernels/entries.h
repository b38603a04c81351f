// The table of entries: everything that can be launched, on any backend. CPU dispatch, CUDA kernels and the names that Java
// asks for are all derived from these lines. A user of the table takes the rule as __VA_ARGS__, since types contain commas,
// where Real is the type to compute with, float or double.
#pragma once

#include "plan.h"
#include "rules/adam.h"
#include "rules/frozen.h"
#include "rules/rmsprop.h"
#include "rules/sgd.h"
#include "rules/stream.h"

// clang-format off
//        name                       rule
#define WS_ENTRIES(ENTRY)                                                   \
    ENTRY(sgd,                       warpstep::Sgd<Real, false>)            \
    ENTRY(sgd_momentum,              warpstep::Sgd<Real, true>)             \
    ENTRY(rmsprop,                   warpstep::RmsProp<Real, false, false>) \
    ENTRY(rmsprop_momentum,          warpstep::RmsProp<Real, false, true>)  \
    ENTRY(rmsprop_centered,          warpstep::RmsProp<Real, true, false>)  \
    ENTRY(rmsprop_centered_momentum, warpstep::RmsProp<Real, true, true>)   \
    ENTRY(adam,                      warpstep::Adam<Real, false>)           \
    ENTRY(adam_amsgrad,              warpstep::Adam<Real, true>)            \
    ENTRY(frozen,                    warpstep::Frozen<Real>)                \
    ENTRY(stream,                    warpstep::Stream<Real>)
// clang-format on

#define WS_CHECK_ENTRY(name, ...)                                                                          \
    static_assert(sizeof(__VA_ARGS__::Hyper) <= sizeof(WsRow), #name ": hyper-parameters fit into a row"); \
    static_assert(__VA_ARGS__::kStateCount <= WS_MAX_STATES, #name ": states fit into a tensor");
namespace warpstep::checks {
using Real = double;
WS_ENTRIES(WS_CHECK_ENTRY)
}  // namespace warpstep::checks
#undef WS_CHECK_ENTRY
