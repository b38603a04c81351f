// Streams hold operations until somebody waits for them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "call.h"
#include "capture.h"
#include "contexts.h"
#include "driver.h"

namespace simulator {

constexpr int kLeastPriority = 0;
constexpr int kGreatestPriority = -5;

struct Operation {
    uint64_t sequence;  // over all streams, in the order of the calls
    std::function<CUresult()> execute;
};

struct Stream {
    CUcontext context;
    unsigned int flags;
    int priority;
    std::deque<Operation> waiting;
    CapturePlace place;

    bool blocks_with_null() const { return (flags & CU_STREAM_NON_BLOCKING) == 0; }
};

CUstream create_stream(CUcontext context, unsigned int flags, int priority);

/// The stream of a handle, with the special ones 0, 1 (the null stream) and 2 (that of the thread) resolved; CUDA_SUCCESS if
/// it is one of this context.
CUresult find_stream(const Context& context, CUstream handle, CUstream* resolved);

Stream* stream_of(CUstream resolved);

/// The number that the next operation will have.
uint64_t next_operation();

/// Adds an operation; unless deferred, does it at once with all before it. If the stream captures, its graph gets it.
CUresult enqueue(const char* call, Context& context, CUstream stream, Work work);

/// Does what waits in the stream, up to and with an operation, and what that has to wait for. The first failure of an
/// operation becomes the context's error, and nothing else is done there any more.
CUresult run_stream(Context& context, CUstream stream, uint64_t until = UINT64_MAX);

/// Does everything that waits in the context.
CUresult run_context(Context& context);

/// Runs body(context, stream) for a call with the handle of a stream.
template <class Body>
CUresult with_stream(const char* name, CUstream handle, Body body) {
    return in_context(name, [&](Context& context) {
        CUstream stream;
        CUresult result = find_stream(context, handle, &stream);
        return result == CUDA_SUCCESS ? body(context, stream) : result;
    });
}

}  // namespace simulator
