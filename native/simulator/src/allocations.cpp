// The calls that give out memory and take it back.
#include <cinttypes>

#include "call.h"
#include "capture.h"
#include "memory.h"
#include "settings.h"
#include "streams.h"

namespace simulator {
namespace {

/// Frees what begins exactly there, after everything that may still use it.
CUresult free_exactly(Context& context, const char* call, uint64_t address, MemoryKind kind, CUresult unknown) {
    const Allocation* found = find_allocation(address);
    if (found == nullptr || found->begin != address || found->kind != kind) {
        return failure(unknown, "%s: %s", call, describe_address(address).c_str());
    }
    counts().synchronisations++;
    CUresult result = run_context(context);
    if (result == CUDA_SUCCESS) {
        release(*found);
    }
    return result;
}

}  // namespace
}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
    return without_capture(__func__, [&](Context& context) {
        note("%zu bytes", bytes);
        uint64_t begin = 0;
        CUresult result = allocate_device(context, bytes, &begin);
        *address = begin;
        return result;
    });
}

SIMULATOR_DRIVER cuMemFree_v2(CUdeviceptr address) {
    return without_capture(__func__, [&](Context& context) {
        return address == 0
                   ? CUDA_SUCCESS
                   : free_exactly(context, "cuMemFree", address, MemoryKind::kDevice, CUDA_ERROR_INVALID_VALUE);
    });
}

SIMULATOR_DRIVER cuMemGetInfo_v2(size_t* free, size_t* total) {
    return in_context(__func__, [&](Context& context) {
        uint64_t taken = live_bytes(context.device);
        *total = settings().memory;
        *free = taken < settings().memory ? settings().memory - taken : 0;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuMemAllocHost_v2(void** address, size_t bytes) {
    return without_capture(__func__, [&](Context& context) { return allocate_pinned(context, bytes, address); });
}

SIMULATOR_DRIVER cuMemHostAlloc(void** address, size_t bytes, unsigned int) {
    return without_capture(__func__, [&](Context& context) { return allocate_pinned(context, bytes, address); });
}

SIMULATOR_DRIVER cuMemFreeHost(void* address) {
    return without_capture(__func__, [&](Context& context) {
        return free_exactly(context,
                            "cuMemFreeHost",
                            reinterpret_cast<uint64_t>(address),
                            MemoryKind::kPinned,
                            CUDA_ERROR_INVALID_VALUE);
    });
}

SIMULATOR_DRIVER cuMemHostRegister_v2(void* address, size_t bytes, unsigned int) {
    return without_capture(__func__, [&](Context& context) {
        auto begin = reinterpret_cast<uint64_t>(address);
        if (begin == 0 || bytes == 0) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuMemHostRegister: nothing to register");
        }
        return register_host(context, begin, bytes);
    });
}

SIMULATOR_DRIVER cuMemHostUnregister(void* address) {
    return without_capture(__func__, [&](Context& context) {
        return free_exactly(context,
                            "cuMemHostUnregister",
                            reinterpret_cast<uint64_t>(address),
                            MemoryKind::kRegistered,
                            CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    });
}

SIMULATOR_DRIVER cuMemHostGetDevicePointer_v2(CUdeviceptr* device_address, void* address, unsigned int) {
    return in_context(__func__, [&](Context&) {
        if (!is_pinned(address, 1)) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuMemHostGetDevicePointer: not page-locked memory");
        }
        *device_address = reinterpret_cast<uint64_t>(address);
        return CUDA_SUCCESS;
    });
}

int64_t simulator_live_bytes() {
    auto lock = lock_driver();
    uint64_t sum = 0;
    for (CUdevice device = 0; device < settings().devices; device++) {
        sum += live_bytes(device);
    }
    return static_cast<int64_t>(sum);
}

int64_t simulator_live_allocations() {
    auto lock = lock_driver();
    return count_allocations(true);
}

int64_t simulator_live_host_allocations() {
    auto lock = lock_driver();
    return count_allocations(false);
}
