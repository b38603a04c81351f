#include "contexts.h"

#include <pthread.h>

#include <vector>

#include "call.h"
#include "capture.h"
#include "settings.h"
#include "streams.h"

namespace simulator {
namespace {

struct Primary {
    CUcontext context = nullptr;
    int64_t retained = 0;
};

struct Registry {
    std::map<CUcontext, Context> contexts;
    std::map<CUdevice, Primary> primaries;
    uint64_t last_id = 0;
};

Registry& registry() {
    static auto& registry = *new Registry;
    return registry;
}

/// Contexts pushed by this thread. Not thread_local: NOTE [shared memory] in thread_storage.h.
std::vector<CUcontext>& stack() {
    static pthread_key_t key = [] {
        pthread_key_t created;
        pthread_key_create(&created, [](void* stack) { delete static_cast<std::vector<CUcontext>*>(stack); });
        return created;
    }();
    auto* stack = static_cast<std::vector<CUcontext>*>(pthread_getspecific(key));
    if (stack == nullptr) {
        stack = new std::vector<CUcontext>;
        pthread_setspecific(key, stack);
    }
    return *stack;
}

CUcontext create(CUdevice device, unsigned int flags) {
    auto handle = new_handle_of<CUcontext>();
    Context& context = registry().contexts[handle];
    context.handle = handle;
    context.device = device;
    context.flags = flags;
    context.id = ++registry().last_id;
    context.null_stream = create_stream(handle, 0, 0);
    context.thread_stream = create_stream(handle, 0, 0);
    return handle;
}

void destroy(CUcontext handle) {
    Context* context = find_context(handle);
    if (context->error == CUDA_SUCCESS) {
        run_context(*context);
    }
    end_captures_of(handle);
    destroy_streams_of(handle);
    destroy_events_of(handle);
    destroy_graphs_of(handle);
    destroy_modules_of(handle);
    free_memory_of(handle);
    registry().contexts.erase(handle);
}

bool is_device(CUdevice device) { return 0 <= device && device < settings().devices; }

CUresult invalid_device(CUdevice device) {
    return failure(CUDA_ERROR_INVALID_DEVICE, "there is no device %d among %d devices", device, settings().devices);
}

}  // namespace

Context* find_context(CUcontext handle) { return find(registry().contexts, handle); }

CUcontext current_context() { return stack().empty() ? nullptr : stack().back(); }

uint64_t new_handle() {
    static uint64_t last = 0x5ca1ab1e00000000;
    return last += 64;
}

void destroy_all_contexts() {
    while (!registry().contexts.empty()) {
        // What still waits is dropped: it may be about host memory that is gone.
        Context& context = registry().contexts.begin()->second;
        context.error = CUDA_ERROR_CONTEXT_IS_DESTROYED;
        destroy(context.handle);
    }
    registry().primaries.clear();
}

int64_t retained_contexts() {
    int64_t sum = 0;
    for (auto& [device, primary] : registry().primaries) {
        sum += primary.retained;
    }
    return sum;
}

}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
    return initialised(__func__, [&] {
        if (!is_device(device)) {
            return invalid_device(device);
        }
        Primary& primary = registry().primaries[device];
        if (primary.context == nullptr) {
            primary.context = create(device, 0);
        }
        primary.retained++;
        *context = primary.context;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    return initialised(__func__, [&] {
        if (!is_device(device)) {
            return invalid_device(device);
        }
        Primary& primary = registry().primaries[device];
        if (primary.retained == 0) {
            return failure(
                CUDA_ERROR_INVALID_CONTEXT, "the primary context of device %d is released too often", device);
        }
        if (--primary.retained == 0) {
            destroy(primary.context);
            primary = {};
        }
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDevicePrimaryCtxReset_v2(CUdevice device) {
    return initialised(__func__, [&] {
        if (!is_device(device)) {
            return invalid_device(device);
        }
        Primary& primary = registry().primaries[device];
        if (primary.context != nullptr) {
            destroy(primary.context);
            primary = {};
        }
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDevicePrimaryCtxGetState(CUdevice device, unsigned int* flags, int* active) {
    return initialised(__func__, [&] {
        if (!is_device(device)) {
            return invalid_device(device);
        }
        *flags = 0;
        *active = registry().primaries[device].context != nullptr;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxCreate_v2(CUcontext* context, unsigned int flags, CUdevice device) {
    return initialised(__func__, [&] {
        if (!is_device(device)) {
            return invalid_device(device);
        }
        stack().push_back(*context = create(device, flags));
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxDestroy_v2(CUcontext context) {
    return initialised(__func__, [&] {
        if (find_context(context) == nullptr) {
            return failure(CUDA_ERROR_INVALID_CONTEXT, "there is no such context to destroy");
        }
        for (auto& [device, primary] : registry().primaries) {
            if (primary.context == context) {
                return failure(CUDA_ERROR_INVALID_CONTEXT, "a primary context is released, not destroyed");
            }
        }
        destroy(context);
        if (current_context() == context) {
            stack().pop_back();
        }
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxPushCurrent_v2(CUcontext context) {
    if (only_answers()) {
        return CUDA_SUCCESS;
    }
    return initialised(__func__, [&] {
        if (find_context(context) == nullptr) {
            return failure(CUDA_ERROR_INVALID_CONTEXT, "there is no such context to make current");
        }
        stack().push_back(context);
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxPopCurrent_v2(CUcontext* context) {
    if (only_answers()) {
        return CUDA_SUCCESS;
    }
    return initialised(__func__, [&] {
        if (stack().empty()) {
            return failure(CUDA_ERROR_INVALID_CONTEXT, "this thread has no context to pop");
        }
        if (context != nullptr) {
            *context = stack().back();
        }
        stack().pop_back();
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxSetCurrent(CUcontext context) {
    return initialised(__func__, [&] {
        if (context != nullptr && find_context(context) == nullptr) {
            return failure(CUDA_ERROR_INVALID_CONTEXT, "there is no such context to make current");
        }
        if (!stack().empty()) {
            stack().pop_back();
        }
        if (context != nullptr) {
            stack().push_back(context);
        }
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxGetCurrent(CUcontext* context) {
    if (only_answers()) {
        *context = current_context();
        return CUDA_SUCCESS;
    }
    return initialised(__func__, [&] {
        *context = current_context();
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxGetId(CUcontext handle, unsigned long long* id) {
    return initialised(__func__, [&] {
        Context* context = find_context(handle == nullptr ? current_context() : handle);
        if (context == nullptr) {
            return failure(CUDA_ERROR_CONTEXT_IS_DESTROYED, "there is no such context");
        }
        *id = context->id;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxGetDevice(CUdevice* device) {
    return in_context(__func__, [&](Context& context) {
        *device = context.device;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxGetFlags(unsigned int* flags) {
    return in_context(__func__, [&](Context& context) {
        *flags = context.flags;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return in_context(__func__, [&](Context&) {
        *least = kLeastPriority;
        *greatest = kGreatestPriority;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuCtxSynchronize() {
    return in_context(__func__, [&](Context& context) {
        CUresult allowed = check_waiting("cuCtxSynchronize", context);
        if (allowed != CUDA_SUCCESS) {
            return allowed;
        }
        counts().synchronisations++;
        return run_context(context);
    });
}
