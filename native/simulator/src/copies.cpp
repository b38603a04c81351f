// Copies and fills. What the host sees of them is what the documentation of the driver API calls its synchronisation
// behaviour: pageable memory is read before the call returns and written before it returns, page-locked memory is read and
// written when the stream gets there.
#include <cstring>
#include <memory>
#include <vector>

#include "call.h"
#include "memory.h"
#include "streams.h"

namespace simulator {
namespace {

void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

/// Runs body(context, stream) for a call that moves `bytes`.
template <class Body>
CUresult moving(const char* name, size_t bytes, CUstream handle, Body body) {
    return in_context(name, [&](Context& context) {
        note("%zu bytes", bytes);
        counts().copies++;
        CUstream stream;
        CUresult result = find_stream(context, handle, &stream);
        return result != CUDA_SUCCESS || bytes == 0 ? result : body(context, stream);
    });
}

CUresult check_host(const char* name, const void* address) {
    const Allocation* found = find_allocation(reinterpret_cast<uint64_t>(address));
    if (address == nullptr || (found != nullptr && found->on_device())) {
        return failure(CUDA_ERROR_INVALID_VALUE, "%s: %p is no host memory", name, address);
    }
    return CUDA_SUCCESS;
}

CUresult wait(Context& context, CUstream stream) {
    counts().synchronisations++;
    return run_stream(context, stream);
}

CUresult to_device(const char* name, CUdeviceptr to, const void* from, size_t bytes, CUstream handle, bool waits) {
    return moving(name, bytes, handle, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, to, bytes);
        if (result == CUDA_SUCCESS) {
            result = check_host(name, from);
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        std::shared_ptr<std::vector<unsigned char>> staged;
        const void* source = from;
        if (!is_pinned(from, bytes)) {
            auto* first = static_cast<const unsigned char*>(from);
            staged = std::make_shared<std::vector<unsigned char>>(first, first + bytes);
            source = staged->data();
        }
        result = enqueue(context, stream, [=] {
            DeviceMemoryAccess access(to, bytes);
            std::memcpy(pointer(to), staged ? staged->data() : source, bytes);
            return CUDA_SUCCESS;
        });
        return result == CUDA_SUCCESS && waits ? wait(context, stream) : result;
    });
}

CUresult to_host(const char* name, void* to, CUdeviceptr from, size_t bytes, CUstream handle, bool waits) {
    return moving(name, bytes, handle, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, from, bytes);
        if (result == CUDA_SUCCESS) {
            result = check_host(name, to);
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        result = enqueue(context, stream, [=] {
            DeviceMemoryAccess access(from, bytes);
            std::memcpy(to, pointer(from), bytes);
            return CUDA_SUCCESS;
        });
        return result == CUDA_SUCCESS && (waits || !is_pinned(to, bytes)) ? wait(context, stream) : result;
    });
}

/// The host never waits for a copy within a device, whatever the call is named.
CUresult within_device(const char* name, CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle) {
    return moving(name, bytes, handle, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, to, bytes);
        if (result == CUDA_SUCCESS) {
            result = check_device_range(name, from, bytes);
        }
        return result != CUDA_SUCCESS ? result : enqueue(context, stream, [=] {
            DeviceMemoryAccess access;
            std::memmove(pointer(to), pointer(from), bytes);
            return CUDA_SUCCESS;
        });
    });
}

/// Nor for a fill.
template <class Value>
CUresult fill(const char* name, CUdeviceptr to, Value value, size_t count, CUstream handle) {
    return moving(name, count * sizeof(Value), handle, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, to, count * sizeof(Value));
        if (result == CUDA_SUCCESS && to % sizeof(Value) != 0) {
            result = failure(CUDA_ERROR_INVALID_VALUE, "%s: 0x%llx is not aligned", name, to);
        }
        return result != CUDA_SUCCESS ? result : enqueue(context, stream, [=] {
            DeviceMemoryAccess access(to, count * sizeof(Value));
            auto* values = static_cast<Value*>(pointer(to));
            std::fill(values, values + count, value);
            return CUDA_SUCCESS;
        });
    });
}

}  // namespace
}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
    return to_device(__func__, to, from, bytes, nullptr, true);
}

SIMULATOR_DRIVER cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
    return to_device(__func__, to, from, bytes, stream, false);
}

SIMULATOR_DRIVER cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
    return to_host(__func__, to, from, bytes, nullptr, true);
}

SIMULATOR_DRIVER cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return to_host(__func__, to, from, bytes, stream, false);
}

SIMULATOR_DRIVER cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    return within_device(__func__, to, from, bytes, nullptr);
}

SIMULATOR_DRIVER cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return within_device(__func__, to, from, bytes, stream);
}

SIMULATOR_DRIVER cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
    return fill(__func__, to, value, count, nullptr);
}

SIMULATOR_DRIVER cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream);
}

SIMULATOR_DRIVER cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
    return fill(__func__, to, value, count, nullptr);
}

SIMULATOR_DRIVER cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream);
}

SIMULATOR_DRIVER cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count) {
    return fill(__func__, to, value, count, nullptr);
}

SIMULATOR_DRIVER cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream);
}
