// The frame of every driver function: one caller at a time; counting, trace, faults on request, and the conditions that hold
// for all of them.
#pragma once

#include <cstdarg>
#include <mutex>
#include <string>

#include "contexts.h"
#include "driver.h"

namespace simulator {

/// Guards everything the driver knows. Held during a launch, too: the simulated device does one thing at a time.
std::unique_lock<std::recursive_mutex> lock_driver();

/// Why something was refused or failed, in words, for simulator_last_failure. The result is the code.
__attribute__((format(printf, 2, 3))) CUresult failure(CUresult code, const char* format, ...);

/// Adds to this call's line in the trace.
__attribute__((format(printf, 1, 2))) void note(const char* format, ...);

std::string format(const char* format, va_list arguments);

/// What tests count.
struct Counts {
    int64_t launches, graph_launches, copies, allocations, synchronisations;
};
Counts& counts();

class Call {
public:
    explicit Call(const char* name);

    /// What the function returns without doing anything, or CUDA_SUCCESS if it may go on.
    CUresult refusal(bool needs_initialisation);

    /// Sets `context` to the current one.
    CUresult refusal(Context*& context);

    CUresult end(CUresult result);

private:
    std::unique_lock<std::recursive_mutex> lock_;
    const char* name_;
};

/// A function that works even before cuInit.
template <class Body>
CUresult always(const char* name, Body body) {
    Call call(name);
    CUresult refusal = call.refusal(false);
    return call.end(refusal != CUDA_SUCCESS ? refusal : body());
}

/// A function that needs no context.
template <class Body>
CUresult initialised(const char* name, Body body) {
    Call call(name);
    CUresult refusal = call.refusal(true);
    return call.end(refusal != CUDA_SUCCESS ? refusal : body());
}

/// A function that works in the current context, which it is given. After a kernel failed there, it only says so.
template <class Body>
CUresult in_context(const char* name, Body body) {
    Call call(name);
    Context* context = nullptr;
    CUresult refusal = call.refusal(context);
    return call.end(refusal != CUDA_SUCCESS ? refusal : body(*context));
}

void set_initialised();

/// Forgets counts, faults, trace and failure; functions that were called but do not exist.
void forget_calls();
void forget_unexpected_calls();

}  // namespace simulator
