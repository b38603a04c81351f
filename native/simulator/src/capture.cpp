#include "capture.h"

#include <pthread.h>

#include <algorithm>

#include "call.h"
#include "graphs.h"
#include "streams.h"

namespace simulator {
namespace {

struct Registry {
    std::vector<std::shared_ptr<Capture>> active;
    uint64_t last_id = 0;
};

Registry& registry() {
    static auto& registry = *new Registry;
    return registry;
}

/// What cuThreadExchangeStreamCaptureMode set in this thread. Not thread_local: NOTE [shared memory] in thread_storage.h.
pthread_key_t thread_mode_key() {
    static pthread_key_t key = [] {
        pthread_key_t created;
        pthread_key_create(&created, nullptr);
        return created;
    }();
    return key;
}

int thread_mode() { return static_cast<int>(reinterpret_cast<intptr_t>(pthread_getspecific(thread_mode_key()))); }

bool has_blocking_stream(const Capture& capture) {
    return std::any_of(capture.streams.begin(), capture.streams.end(), [](CUstream stream) {
        return stream_of(stream)->blocks_with_null();
    });
}

/// The captures on which the null stream would depend.
std::vector<Capture*> blocking_captures(const Context& context) {
    std::vector<Capture*> captures;
    for (auto& capture : registry().active) {
        if (capture->context == context.handle && has_blocking_stream(*capture)) {
            captures.push_back(capture.get());
        }
    }
    return captures;
}

CUresult implicit_dependency(const char* call) {
    return failure(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                   "%s: the null stream would depend on a blocking stream that captures",
                   call);
}

/// Takes all streams out of the capture, so that nothing more gets into it.
void end(Capture& capture) {
    for (CUstream stream : capture.streams) {
        stream_of(stream)->place = {};
    }
    capture.active = false;
    auto& active = registry().active;
    active.erase(std::find_if(active.begin(), active.end(), [&](auto& other) { return other.get() == &capture; }));
}

CUresult status_of(const char* call, CUstream handle, int* status, unsigned long long* id) {
    return with_stream(call, handle, [&](Context& context, CUstream stream) {
        if (stream == context.null_stream && !blocking_captures(context).empty()) {
            return implicit_dependency(call);  // the one refusal that leaves the capture valid
        }
        const Capture* capture = stream_of(stream)->place.capture.get();
        *status = capture == nullptr ? CU_STREAM_CAPTURE_STATUS_NONE
                  : capture->valid   ? CU_STREAM_CAPTURE_STATUS_ACTIVE
                                     : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
        if (capture != nullptr && id != nullptr) {
            *id = capture->id;
        }
        return CUDA_SUCCESS;
    });
}

}  // namespace

void add_node(CapturePlace& place, Work work) {
    auto& nodes = place.capture->nodes;
    place.after.insert(nodes.size());
    nodes.push_back({new_handle_of<CUgraphNode>(), std::move(work)});
}

CUresult check_giving(const char* call, const Context& context, CUstream stream) {
    if (stream == context.null_stream) {
        auto captures = blocking_captures(context);
        for (Capture* capture : captures) {
            capture->valid = false;
        }
        return captures.empty() ? CUDA_SUCCESS : implicit_dependency(call);
    }
    const Capture* capture = stream_of(stream)->place.capture.get();
    return capture == nullptr || capture->valid
               ? CUDA_SUCCESS
               : failure(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "%s: in a capture that is not valid any more", call);
}

CUresult check_waiting(const char* call, const Context& context, CUstream stream) {
    CUresult result = check_giving(call, context, stream);
    Capture* capture = stream_of(stream)->place.capture.get();
    if (result == CUDA_SUCCESS && capture != nullptr) {
        capture->valid = false;
        result = failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s: the stream captures", call);
    }
    return result;
}

CUresult check_waiting(const char* call, const Context& context) {
    bool refused = false;
    for (auto& capture : registry().active) {
        if (capture->context == context.handle) {
            capture->valid = false;
            refused = true;
        }
    }
    return refused ? failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s: a stream of the context captures", call)
                   : CUDA_SUCCESS;
}

CUresult check_unsafe(const char* call) {
    int mode = thread_mode();
    bool refused = false;
    for (auto& capture : registry().active) {
        bool concerned = capture->thread == std::this_thread::get_id()
                             ? capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED
                             : capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL && mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
        if (concerned && mode != CU_STREAM_CAPTURE_MODE_RELAXED) {
            capture->valid = false;
            refused = true;
        }
    }
    return refused ? failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s: not safe while a stream captures", call)
                   : CUDA_SUCCESS;
}

CUresult check_event(const char* call, const CapturePlace& place) {
    if (place.capture == nullptr) {
        return check_unsafe(call);
    }
    place.capture->valid = false;
    return failure(CUDA_ERROR_CAPTURED_EVENT, "%s: the event was last recorded in a capture", call);
}

CUresult wait_in_capture(const char* call, const Context& context, CUstream handle, const CapturePlace& awaited) {
    Stream& stream = *stream_of(handle);
    Capture* own = stream.place.capture.get();
    Capture* other = awaited.capture.get();
    auto refuse = [&](CUresult code, const char* why) {
        for (Capture* capture : {own, other}) {
            if (capture != nullptr) {
                capture->valid = false;
            }
        }
        return failure(code, "%s: %s", call, why);
    };
    if (other == nullptr) {
        return refuse(CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                      "a capturing stream and an event from outside of the capture");
    }
    if (!other->active) {
        return refuse(CUDA_ERROR_CAPTURED_EVENT, "the event was last recorded in a capture that ended");
    }
    if (!other->valid) {
        return refuse(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the event is of a capture that is not valid any more");
    }
    if (own != nullptr && own != other) {
        return refuse(CUDA_ERROR_STREAM_CAPTURE_MERGE, "stream and event are of different captures");
    }
    if (handle == context.null_stream) {
        return refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the null stream cannot join a capture");
    }
    if (other->context != context.handle) {
        return refuse(CUDA_ERROR_NOT_SUPPORTED, "a capture over two contexts is not simulated");
    }
    stream.place.capture = awaited.capture;
    stream.place.after.insert(awaited.after.begin(), awaited.after.end());
    other->streams.insert(handle);
    return CUDA_SUCCESS;
}

void end_captures_of(CUcontext context) {
    auto active = registry().active;
    for (auto& capture : active) {
        if (capture->context == context) {
            end(*capture);
        }
    }
}

}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuStreamBeginCapture_v2(CUstream handle, int mode) {
    return with_stream(__func__, handle, [&](Context& context, CUstream stream) {
        if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuStreamBeginCapture: there is no mode %d", mode);
        }
        if (stream == context.null_stream) {
            return failure(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                           "cuStreamBeginCapture: the null stream cannot capture");
        }
        CapturePlace& place = stream_of(stream)->place;
        if (place.capture != nullptr) {
            return failure(CUDA_ERROR_ILLEGAL_STATE, "cuStreamBeginCapture: the stream captures already");
        }
        uint64_t id = ++registry().last_id;
        place.capture =
            std::make_shared<Capture>(Capture{id, context.handle, stream, mode, std::this_thread::get_id(), {stream}});
        registry().active.push_back(place.capture);
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuStreamEndCapture(CUstream handle, CUgraph* graph) {
    return with_stream(__func__, handle, [&](Context& context, CUstream stream) {
        *graph = nullptr;
        CapturePlace place = stream_of(stream)->place;
        if (place.capture == nullptr) {
            return failure(CUDA_ERROR_ILLEGAL_STATE, "cuStreamEndCapture: the stream does not capture");
        }
        Capture& capture = *place.capture;
        if (capture.origin != stream) {
            return failure(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "cuStreamEndCapture: it began in another stream");
        }
        if (capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture.thread != std::this_thread::get_id()) {
            return failure(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "cuStreamEndCapture: it began in another thread");
        }
        end(capture);
        if (!capture.valid) {
            return failure(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "cuStreamEndCapture: something broke its rules");
        }
        if (place.after.size() != capture.nodes.size()) {
            return failure(CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
                           "cuStreamEndCapture: %zu of %zu nodes are of streams that were not joined",
                           capture.nodes.size() - place.after.size(),
                           capture.nodes.size());
        }
        note("%zu nodes", capture.nodes.size());
        *graph = create_graph(context, std::move(capture.nodes));
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuStreamIsCapturing(CUstream stream, int* status) {
    return status_of(__func__, stream, status, nullptr);
}

SIMULATOR_DRIVER cuStreamGetCaptureInfo_v2(CUstream stream, int* status, unsigned long long* id, CUgraph* graph,
                                           const CUgraphNode** dependencies, size_t* count) {
    if (graph != nullptr || dependencies != nullptr || count != nullptr) {
        return always(__func__, [] {
            return failure(CUDA_ERROR_NOT_SUPPORTED, "cuStreamGetCaptureInfo: only status and id are simulated");
        });
    }
    return status_of(__func__, stream, status, id);
}

SIMULATOR_DRIVER cuThreadExchangeStreamCaptureMode(int* mode) {
    return initialised(__func__, [&] {
        if (*mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuThreadExchangeStreamCaptureMode: there is no mode %d", *mode);
        }
        int previous = thread_mode();
        pthread_setspecific(thread_mode_key(), reinterpret_cast<void*>(static_cast<intptr_t>(*mode)));
        *mode = previous;
        return CUDA_SUCCESS;
    });
}
