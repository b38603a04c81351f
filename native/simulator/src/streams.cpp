#include "streams.h"

#include "settings.h"
#include "simulator.h"

namespace simulator {
namespace {

struct Registry {
    std::map<CUstream, Stream> streams;
    uint64_t sequence = 0;
};

Registry& registry() {
    static auto& registry = *new Registry;
    return registry;
}

void abandon_all(CUcontext context) {
    for (auto& [handle, stream] : registry().streams) {
        if (stream.context == context) {
            stream.waiting.clear();
        }
    }
}

/// The null stream and the blocking streams take turns: what was called earlier in one goes first.
CUresult run_what_goes_first(Context& context, CUstream handle, const Stream& stream, uint64_t sequence) {
    if (handle != context.null_stream) {
        return stream.blocks_with_null() ? run_stream(context, context.null_stream, sequence) : CUDA_SUCCESS;
    }
    CUresult result = CUDA_SUCCESS;
    for (auto& [other, others] : registry().streams) {
        if (result == CUDA_SUCCESS && others.context == context.handle && other != handle &&
            others.blocks_with_null()) {
            result = run_stream(context, other, sequence);
        }
    }
    return result;
}

}  // namespace

CUstream create_stream(CUcontext context, unsigned int flags, int priority) {
    auto handle = new_handle_of<CUstream>();
    registry().streams[handle] = {context, flags, priority, {}, {}};
    return handle;
}

Stream* stream_of(CUstream resolved) { return find(registry().streams, resolved); }

CUresult find_stream(const Context& context, CUstream handle, CUstream* resolved) {
    auto number = reinterpret_cast<uintptr_t>(handle);
    *resolved = number <= 1 ? context.null_stream : number == 2 ? context.thread_stream : handle;
    Stream* stream = stream_of(*resolved);
    if (stream == nullptr) {
        return failure(CUDA_ERROR_INVALID_HANDLE, "there is no stream %p", static_cast<void*>(handle));
    }
    return stream->context == context.handle ? CUDA_SUCCESS
                                             : failure(CUDA_ERROR_INVALID_HANDLE, "the stream is of another context");
}

uint64_t next_operation() { return registry().sequence + 1; }

CUresult enqueue(const char* call, Context& context, CUstream handle, Work work) {
    CUresult allowed = check_giving(call, context, handle);
    if (allowed != CUDA_SUCCESS) {
        return allowed;
    }
    Stream& stream = *stream_of(handle);
    if (stream.place.capture != nullptr) {
        add_node(stream.place, std::move(work));
        return CUDA_SUCCESS;
    }
    counts().launches += work.kernels;
    counts().copies += work.copies;
    stream.waiting.push_back({next_operation(), std::move(work.execute)});
    registry().sequence++;
    return settings().deferred ? CUDA_SUCCESS : run_stream(context, handle);
}

CUresult run_stream(Context& context, CUstream handle, uint64_t until) {
    Stream* stream = stream_of(handle);
    while (stream != nullptr && !stream->waiting.empty() && stream->waiting.front().sequence <= until) {
        // Taken out first: what goes first may itself want to run this stream, up to an earlier operation.
        Operation next = std::move(stream->waiting.front());
        stream->waiting.pop_front();
        CUresult result = run_what_goes_first(context, handle, *stream, next.sequence);
        if (result == CUDA_SUCCESS) {
            result = next.execute();
        }
        if (result != CUDA_SUCCESS) {
            context.error = result;
            abandon_all(context.handle);
            return result;
        }
    }
    return CUDA_SUCCESS;
}

CUresult run_context(Context& context) {
    CUresult result = CUDA_SUCCESS;
    for (auto& [handle, stream] : registry().streams) {
        if (result == CUDA_SUCCESS && stream.context == context.handle) {
            result = run_stream(context, handle);
        }
    }
    return result;
}

}  // namespace simulator

using namespace simulator;

namespace {

CUresult create(const char* name, CUstream* stream, unsigned int flags, int priority) {
    return in_context(name, [&](Context& context) {
        if (flags > CU_STREAM_NON_BLOCKING) {
            return failure(CUDA_ERROR_INVALID_VALUE, "%s: there are no flags %u", name, flags);
        }
        int clamped = priority > kLeastPriority ? kLeastPriority : priority;
        *stream = create_stream(context.handle, flags, clamped < kGreatestPriority ? kGreatestPriority : clamped);
        return CUDA_SUCCESS;
    });
}

}  // namespace

SIMULATOR_DRIVER cuStreamCreate(CUstream* stream, unsigned int flags) { return create(__func__, stream, flags, 0); }

SIMULATOR_DRIVER cuStreamCreateWithPriority(CUstream* stream, unsigned int flags, int priority) {
    return create(__func__, stream, flags, priority);
}

SIMULATOR_DRIVER cuStreamDestroy_v2(CUstream handle) {
    return with_stream(__func__, handle, [&](Context& context, CUstream stream) {
        if (stream == context.null_stream || stream == context.thread_stream) {
            return failure(CUDA_ERROR_INVALID_HANDLE, "cuStreamDestroy: a stream that the driver made");
        }
        CUresult result = check_waiting("cuStreamDestroy", context, stream);
        if (result == CUDA_SUCCESS) {
            // The real driver lets the work finish by itself; nobody can tell the difference.
            result = run_stream(context, stream);
            registry().streams.erase(stream);
        }
        return result;
    });
}

SIMULATOR_DRIVER cuStreamSynchronize(CUstream handle) {
    return with_stream(__func__, handle, [&](Context& context, CUstream stream) {
        CUresult allowed = check_waiting("cuStreamSynchronize", context, stream);
        if (allowed != CUDA_SUCCESS) {
            return allowed;
        }
        counts().synchronisations++;
        return run_stream(context, stream);
    });
}

/// Not ready as long as there was something to do, which is done then: a caller that asks again gets on.
SIMULATOR_DRIVER cuStreamQuery(CUstream handle) {
    return with_stream(__func__, handle, [&](Context& context, CUstream stream) {
        bool ready = stream_of(stream)->waiting.empty();
        CUresult result = check_waiting("cuStreamQuery", context, stream);
        if (result == CUDA_SUCCESS) {
            result = run_stream(context, stream);
        }
        return result == CUDA_SUCCESS && !ready ? CUDA_ERROR_NOT_READY : result;
    });
}

SIMULATOR_DRIVER cuStreamGetCtx(CUstream handle, CUcontext* result) {
    return with_stream(__func__, handle, [&](Context& context, CUstream) {
        *result = context.handle;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuStreamGetFlags(CUstream handle, unsigned int* flags) {
    return with_stream(__func__, handle, [&](Context&, CUstream stream) {
        *flags = stream_of(stream)->flags;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuStreamGetPriority(CUstream handle, int* priority) {
    return with_stream(__func__, handle, [&](Context&, CUstream stream) {
        *priority = stream_of(stream)->priority;
        return CUDA_SUCCESS;
    });
}

namespace simulator {

void destroy_streams_of(CUcontext context) { erase_of_context(registry().streams, context); }

}  // namespace simulator

int64_t simulator_live_streams() {
    auto lock = lock_driver();
    int64_t of_the_driver = 0, all = 0;
    for (auto& [handle, stream] : registry().streams) {
        const Context* context = find_context(stream.context);
        of_the_driver += handle == context->null_stream || handle == context->thread_stream;
        all++;
    }
    return all - of_the_driver;
}

int64_t simulator_pending_operations() {
    auto lock = lock_driver();
    int64_t sum = 0;
    for (auto& [handle, stream] : registry().streams) {
        sum += static_cast<int64_t>(stream.waiting.size());
    }
    return sum;
}
