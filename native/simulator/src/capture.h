// Stream capture: what a capturing stream is given goes into a graph instead of being done.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "call.h"
#include "contexts.h"
#include "driver.h"

namespace simulator {

/// Something for a stream to do, and what it counts as once it is to be done.
struct Work {
    int64_t kernels, copies;
    std::function<CUresult()> execute;
};

struct Node {
    CUgraphNode handle;
    Work work;
};

struct Capture {
    uint64_t id;
    CUcontext context;
    CUstream origin;
    int mode;
    std::thread::id thread;      // that began it
    std::set<CUstream> streams;  // the origin, and what joined it by waiting for its events
    bool active = true;
    bool valid = true;
    std::vector<Node> nodes = {};
};

/// Where in a capture a stream is, or an event was recorded: after these of its nodes, whether directly or not.
struct CapturePlace {
    std::shared_ptr<Capture> capture;  // null: outside of any
    std::set<size_t> after;
};

void add_node(CapturePlace& place, Work work);

// What the rules of capture say to a call. Whatever they refuse makes the captures concerned invalid.
//
// NOTE [unsafe calls]
// NVIDIA documents that a capture's mode forbids calls that are "potentially unsafe", and names only cudaMalloc. Here they are
// all that allocate, free or register memory, load or unload modules, copy or fill without naming a stream, or ask about or
// wait for an event. A program that does without them in a capture is right whichever of them the real driver lets pass.

/// Before a stream is given something. The null stream would depend on every blocking stream that captures.
CUresult check_giving(const char* call, const Context& context, CUstream stream);

/// Before somebody waits for a stream, or asks how far it is.
CUresult check_waiting(const char* call, const Context& context, CUstream stream);

/// Before somebody waits for all streams of a context.
CUresult check_waiting(const char* call, const Context& context);

/// Before a call that is in no stream, so that a graph could not repeat it. NOTE [unsafe calls]
CUresult check_unsafe(const char* call);

/// in_context for such a call.
template <class Body>
CUresult without_capture(const char* name, Body body) {
    return in_context(name, [&](Context& context) {
        CUresult allowed = check_unsafe(name);
        return allowed == CUDA_SUCCESS ? body(context) : allowed;
    });
}

/// Before somebody waits for an event, or asks for it.
CUresult check_event(const char* call, const CapturePlace& place);

/// cuStreamWaitEvent, after check_giving, where the stream captures, the event was recorded in a capture, or both: the stream
/// joins the capture.
CUresult wait_in_capture(const char* call, const Context& context, CUstream stream, const CapturePlace& awaited);

}  // namespace simulator
