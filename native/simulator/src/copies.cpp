// Copies and fills. What the host sees of them is what the documentation of the driver API calls its synchronisation
// behaviour: pageable memory is read before the call returns and written before it returns, page-locked memory is read and
// written when the stream gets there.
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "call.h"
#include "memory.h"
#include "streams.h"

namespace simulator {
namespace {

void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

/// The stream of a call that names one. The others use the null stream, and no capture sees them.
using Place = std::optional<CUstream>;

/// Runs body(context, stream) for a call that moves `bytes`.
template <class Body>
CUresult moving(const char* name, size_t bytes, Place place, Body body) {
    return in_context(name, [&](Context& context) {
        note("%zu bytes", bytes);
        CUstream stream;
        CUresult result = find_stream(context, place.value_or(nullptr), &stream);
        if (result == CUDA_SUCCESS) {
            result = check_giving(name, context, stream);
        }
        if (result == CUDA_SUCCESS && !place) {
            result = check_unsafe(name);
        }
        return result != CUDA_SUCCESS || bytes == 0 ? result : body(context, stream);
    });
}

bool captures(CUstream stream) { return stream_of(stream)->place.capture != nullptr; }

CUresult check_host(const char* name, const void* address) {
    const Allocation* found = find_allocation(reinterpret_cast<uint64_t>(address));
    if (address == nullptr || (found != nullptr && found->on_device())) {
        return failure(CUDA_ERROR_INVALID_VALUE, "%s: %p is no host memory", name, address);
    }
    return CUDA_SUCCESS;
}

/// The same at the time of the copy itself: what a graph uses may have been freed since it was captured.
CUresult still_there(const char* name, CUdeviceptr address, size_t bytes) {
    return check_device_range(name, address, bytes) == CUDA_SUCCESS ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

CUresult still_there(const char* name, const void* address, size_t bytes, bool was_pinned) {
    return !was_pinned || is_pinned(address, bytes)
               ? CUDA_SUCCESS
               : failure(CUDA_ERROR_ILLEGAL_ADDRESS, "%s: %p is no page-locked memory any more", name, address);
}

CUresult wait(Context& context, CUstream stream) {
    counts().synchronisations++;
    return run_stream(context, stream);
}

CUresult to_device(const char* name, CUdeviceptr to, const void* from, size_t bytes, Place place) {
    return moving(name, bytes, place, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, to, bytes);
        if (result == CUDA_SUCCESS) {
            result = check_host(name, from);
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        std::shared_ptr<std::vector<unsigned char>> staged;
        bool pinned = is_pinned(from, bytes);
        if (!pinned && !captures(stream)) {
            auto* first = static_cast<const unsigned char*>(from);
            staged = std::make_shared<std::vector<unsigned char>>(first, first + bytes);
        }
        auto copy = [=] {
            CUresult usable = still_there(name, to, bytes);
            if (usable == CUDA_SUCCESS) {
                usable = still_there(name, from, bytes, pinned);
            }
            if (usable == CUDA_SUCCESS) {
                DeviceMemoryAccess access(to, bytes);
                std::memcpy(pointer(to), staged ? staged->data() : from, bytes);
            }
            return usable;
        };
        result = enqueue(name, context, stream, {0, 1, copy});
        return result == CUDA_SUCCESS && !place ? wait(context, stream) : result;
    });
}

CUresult to_host(const char* name, void* to, CUdeviceptr from, size_t bytes, Place place) {
    return moving(name, bytes, place, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, from, bytes);
        if (result == CUDA_SUCCESS) {
            result = check_host(name, to);
        }
        if (result != CUDA_SUCCESS) {
            return result;
        }
        bool pinned = is_pinned(to, bytes);
        auto copy = [=] {
            CUresult usable = still_there(name, from, bytes);
            if (usable == CUDA_SUCCESS) {
                usable = still_there(name, to, bytes, pinned);
            }
            if (usable == CUDA_SUCCESS) {
                DeviceMemoryAccess access(from, bytes);
                std::memcpy(to, pointer(from), bytes);
            }
            return usable;
        };
        result = enqueue(name, context, stream, {0, 1, copy});
        bool waits = !place || (!pinned && !captures(stream));
        return result == CUDA_SUCCESS && waits ? wait(context, stream) : result;
    });
}

/// The host never waits for a copy within a device, whatever the call is named.
CUresult within_device(const char* name, CUdeviceptr to, CUdeviceptr from, size_t bytes, Place place) {
    return moving(name, bytes, place, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, to, bytes);
        if (result == CUDA_SUCCESS) {
            result = check_device_range(name, from, bytes);
        }
        auto copy = [=] {
            CUresult usable = still_there(name, to, bytes);
            if (usable == CUDA_SUCCESS) {
                usable = still_there(name, from, bytes);
            }
            if (usable == CUDA_SUCCESS) {
                DeviceMemoryAccess access;
                std::memmove(pointer(to), pointer(from), bytes);
            }
            return usable;
        };
        return result == CUDA_SUCCESS ? enqueue(name, context, stream, {0, 1, copy}) : result;
    });
}

/// Nor for a fill.
template <class Value>
CUresult fill(const char* name, CUdeviceptr to, Value value, size_t count, Place place) {
    return moving(name, count * sizeof(Value), place, [&](Context& context, CUstream stream) {
        CUresult result = check_device_range(name, to, count * sizeof(Value));
        if (result == CUDA_SUCCESS && to % sizeof(Value) != 0) {
            result = failure(CUDA_ERROR_INVALID_VALUE, "%s: 0x%llx is not aligned", name, to);
        }
        auto set = [=] {
            CUresult usable = still_there(name, to, count * sizeof(Value));
            if (usable == CUDA_SUCCESS) {
                DeviceMemoryAccess access(to, count * sizeof(Value));
                auto* values = static_cast<Value*>(pointer(to));
                std::fill(values, values + count, value);
            }
            return usable;
        };
        return result == CUDA_SUCCESS ? enqueue(name, context, stream, {0, 1, set}) : result;
    });
}

}  // namespace
}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
    return to_device(__func__, to, from, bytes, std::nullopt);
}

SIMULATOR_DRIVER cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
    return to_device(__func__, to, from, bytes, stream);
}

SIMULATOR_DRIVER cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
    return to_host(__func__, to, from, bytes, std::nullopt);
}

SIMULATOR_DRIVER cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return to_host(__func__, to, from, bytes, stream);
}

SIMULATOR_DRIVER cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    return within_device(__func__, to, from, bytes, std::nullopt);
}

SIMULATOR_DRIVER cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return within_device(__func__, to, from, bytes, stream);
}

SIMULATOR_DRIVER cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
    return fill(__func__, to, value, count, std::nullopt);
}

SIMULATOR_DRIVER cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream);
}

SIMULATOR_DRIVER cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
    return fill(__func__, to, value, count, std::nullopt);
}

SIMULATOR_DRIVER cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream);
}

SIMULATOR_DRIVER cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count) {
    return fill(__func__, to, value, count, std::nullopt);
}

SIMULATOR_DRIVER cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream) {
    return fill(__func__, to, value, count, stream);
}
