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

CUresult record(const char* name, CUevent handle, CUstream stream_handle) {
    return with_event(name, handle, [&](Context& context, Event& event) {
        CUstream stream;
        CUresult found = find_stream(context, stream_handle, &stream);
        if (found != CUDA_SUCCESS) {
            return found;
        }
        if (event.context != context.handle) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "%s: event and stream are of different contexts", name);
        }
        event.stream = stream;
        event.recorded = next_operation();
        return enqueue(context, stream, [handle, number = event.recorded] {
            if (Event* event = find(events(), handle)) {
                event->time = std::chrono::steady_clock::now();
                event->reached = number;
            }
            return CUDA_SUCCESS;
        });
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

SIMULATOR_DRIVER cuEventRecord(CUevent event, CUstream stream) { return record(__func__, event, stream); }

SIMULATOR_DRIVER cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int) {
    return record(__func__, event, stream);
}

/// As cuStreamQuery: asking gets the work done, and the next answer is yes.
SIMULATOR_DRIVER cuEventQuery(CUevent handle) {
    return with_event(__func__, handle, [&](Context& context, Event& event) {
        if (event.is_reached()) {
            return CUDA_SUCCESS;
        }
        CUresult result = run_stream(context, event.stream, event.recorded);
        return result == CUDA_SUCCESS ? CUDA_ERROR_NOT_READY : result;
    });
}

SIMULATOR_DRIVER cuEventSynchronize(CUevent handle) {
    return with_event(__func__, handle, [&](Context& context, Event& event) {
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

SIMULATOR_DRIVER cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned int) {
    return with_event(__func__, handle, [&](Context& context, Event& event) {
        CUstream stream;
        CUresult found = find_stream(context, stream_handle, &stream);
        if (found != CUDA_SUCCESS || event.is_reached()) {
            return found;
        }
        // What was recorded last before this call counts, even if the event is recorded again later.
        CUcontext other = event.context;
        CUstream awaited = event.stream;
        uint64_t number = event.recorded;
        return enqueue(context, stream, [other, awaited, number] {
            Context* owner = find_context(other);
            return owner == nullptr ? CUDA_SUCCESS : run_stream(*owner, awaited, number);
        });
    });
}

int64_t simulator_live_events() {
    auto lock = lock_driver();
    return static_cast<int64_t>(events().size());
}
