// Events: places in a stream that others can wait for, with the time at which they were reached.
#include <chrono>

#include "call.h"
#include "simulator.h"
#include "streams.h"

namespace simulator {
namespace {

struct Event {
    CUcontext context;
    unsigned int flags;
    CUstream stream = nullptr;
    uint64_t recorded = 0;  // number of the operation; 0: never
    uint64_t reached = 0;
    std::chrono::steady_clock::time_point time = {};
    CapturePlace place = {};  // where it was recorded last, if that was in a capture

    bool is_reached() const { return recorded == reached; }
};

std::map<CUevent, Event>& events() {
    static auto& events = *new std::map<CUevent, Event>;
    return events;
}

template <class Body>
CUresult with_event(const char* name, CUevent handle, Body body) {
    return in_context(name, [&](Context& context) {
        Event* event = find(events(), handle);
        return event != nullptr
                   ? body(context, *event)
                   : failure(CUDA_ERROR_INVALID_HANDLE, "%s: there is no event %p", name, static_cast<void*>(handle));
    });
}

/// Flags make nodes of their own in a graph, and mean nothing outside of a capture.
CUresult check_flags(const char* name, CUstream stream, unsigned int flags) {
    if (flags == 0) {
        return CUDA_SUCCESS;
    }
    return flags == CU_EVENT_RECORD_EXTERNAL && stream_of(stream)->place.capture != nullptr
               ? failure(CUDA_ERROR_NOT_SUPPORTED, "%s: nodes of events are not simulated", name)
               : failure(CUDA_ERROR_INVALID_VALUE, "%s: flags %u outside of a capture", name, flags);
}

CUresult record(const char* name, CUevent handle, CUstream stream_handle, unsigned int flags) {
    return with_event(name, handle, [&](Context& context, Event& event) {
        CUstream stream;
        CUresult found = find_stream(context, stream_handle, &stream);
        if (found != CUDA_SUCCESS) {
            return found;
        }
        if (event.context != context.handle) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "%s: event and stream are of different contexts", name);
        }
        CUresult allowed = check_flags(name, stream, flags);
        if (allowed == CUDA_SUCCESS) {
            allowed = check_giving(name, context, stream);
        }
        if (allowed != CUDA_SUCCESS) {
            return allowed;
        }
        event.place = stream_of(stream)->place;
        if (event.place.capture != nullptr) {
            event.recorded = 0;  // only a place that others can wait for: no node, and no time
            return CUDA_SUCCESS;
        }
        event.stream = stream;
        event.recorded = next_operation();
        auto reach = [handle, number = event.recorded] {
            if (Event* event = find(events(), handle)) {
                event->time = std::chrono::steady_clock::now();
                event->reached = number;
            }
            return CUDA_SUCCESS;
        };
        return enqueue(name, context, stream, {0, 0, reach});
    });
}

}  // namespace

void destroy_events_of(CUcontext context) { erase_of_context(events(), context); }

}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuEventCreate(CUevent* event, unsigned int flags) {
    return in_context(__func__, [&](Context& context) {
        if (flags > (CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuEventCreate: flags %u are not simulated", flags);
        }
        *event = new_handle_of<CUevent>();
        Event& created = events()[*event];
        created.context = context.handle;
        created.flags = flags;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuEventDestroy_v2(CUevent handle) {
    return with_event(__func__, handle, [&](Context&, Event&) {
        events().erase(handle);
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuEventRecord(CUevent event, CUstream stream) { return record(__func__, event, stream, 0); }

SIMULATOR_DRIVER cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags) {
    return record(__func__, event, stream, flags);
}

/// As cuStreamQuery: asking gets the work done, and the next answer is yes.
SIMULATOR_DRIVER cuEventQuery(CUevent handle) {
    return with_event(__func__, handle, [&](Context& context, Event& event) {
        CUresult allowed = check_event("cuEventQuery", event.place);
        if (allowed != CUDA_SUCCESS || event.is_reached()) {
            return allowed;
        }
        CUresult result = run_stream(context, event.stream, event.recorded);
        return result == CUDA_SUCCESS ? CUDA_ERROR_NOT_READY : result;
    });
}

SIMULATOR_DRIVER cuEventSynchronize(CUevent handle) {
    return with_event(__func__, handle, [&](Context& context, Event& event) {
        CUresult allowed = check_event("cuEventSynchronize", event.place);
        if (allowed != CUDA_SUCCESS) {
            return allowed;
        }
        counts().synchronisations++;
        return event.is_reached() ? CUDA_SUCCESS : run_stream(context, event.stream, event.recorded);
    });
}

SIMULATOR_DRIVER cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
    return with_event(__func__, start, [&](Context&, Event& first) {
        Event* last = find(events(), end);
        if (last == nullptr || ((first.flags | last->flags) & CU_EVENT_DISABLE_TIMING) != 0 || first.recorded == 0 ||
            last->recorded == 0) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "cuEventElapsedTime: an event without time");
        }
        if (!first.is_reached() || !last->is_reached()) {
            return CUDA_ERROR_NOT_READY;
        }
        *milliseconds = std::chrono::duration<float, std::milli>(last->time - first.time).count();
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned int flags) {
    return with_event(__func__, handle, [&](Context& context, Event& event) {
        CUstream stream;
        CUresult result = find_stream(context, stream_handle, &stream);
        if (result == CUDA_SUCCESS) {
            result = check_flags("cuStreamWaitEvent", stream, flags);
        }
        if (result == CUDA_SUCCESS) {
            result = check_giving("cuStreamWaitEvent", context, stream);
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        if (event.place.capture != nullptr || stream_of(stream)->place.capture != nullptr) {
            return wait_in_capture("cuStreamWaitEvent", context, stream, event.place);
        }
        if (event.is_reached()) {
            return CUDA_SUCCESS;
        }
        // What was recorded last before this call counts, even if the event is recorded again later.
        CUcontext other = event.context;
        CUstream awaited = event.stream;
        uint64_t number = event.recorded;
        auto wait = [other, awaited, number] {
            Context* owner = find_context(other);
            return owner == nullptr ? CUDA_SUCCESS : run_stream(*owner, awaited, number);
        };
        return enqueue("cuStreamWaitEvent", context, stream, {0, 0, wait});
    });
}

int64_t simulator_live_events() {
    auto lock = lock_driver();
    return static_cast<int64_t>(events().size());
}
