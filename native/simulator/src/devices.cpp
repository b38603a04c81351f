// Devices and what they say about themselves. All are alike.
#include <cstdio>
#include <map>

#include "call.h"
#include "settings.h"
#include "text.h"

namespace simulator {

Settings& settings() {
    static auto& settings = *new Settings;
    return settings;
}

/// From the table of compute capabilities in the CUDA programming guide.
Limits limits() {
    switch (settings().major * 10 + settings().minor) {
        case 75:
            return {1024, 16, 64 << 10};
        case 80:
            return {2048, 32, 164 << 10};
        case 86:
            return {1536, 16, 100 << 10};
        case 87:
            return {1536, 16, 164 << 10};
        case 89:
            return {1536, 24, 100 << 10};
        default:
            return settings().major >= 12 ? Limits{1536, 24, 100 << 10} : Limits{2048, 32, 228 << 10};
    }
}

namespace {

std::map<int, int> attributes(CUdevice device) {
    const Settings& s = settings();
    return {
        {1, 1024},  // MAX_THREADS_PER_BLOCK
        {2, 1024},  // MAX_BLOCK_DIM_X, Y, Z
        {3, 1024},
        {4, 64},
        {5, 2147483647},  // MAX_GRID_DIM_X, Y, Z
        {6, 65535},
        {7, 65535},
        {8, 48 << 10},            // MAX_SHARED_MEMORY_PER_BLOCK
        {9, 64 << 10},            // TOTAL_CONSTANT_MEMORY
        {10, 32},                 // WARP_SIZE
        {11, 2147483647},         // MAX_PITCH
        {12, 65536},              // MAX_REGISTERS_PER_BLOCK
        {13, 1000000},            // CLOCK_RATE, kHz
        {14, 512},                // TEXTURE_ALIGNMENT
        {15, 1},                  // GPU_OVERLAP
        {16, s.multiprocessors},  // MULTIPROCESSOR_COUNT
        {17, 0},                  // KERNEL_EXEC_TIMEOUT
        {18, 0},                  // INTEGRATED
        {19, 1},                  // CAN_MAP_HOST_MEMORY
        {20, 0},                  // COMPUTE_MODE
        {31, 1},                  // CONCURRENT_KERNELS
        {32, 0},                  // ECC_ENABLED
        {33, device + 1},         // PCI_BUS_ID
        {34, 0},                  // PCI_DEVICE_ID
        {35, 0},                  // TCC_DRIVER
        {36, 1000000},            // MEMORY_CLOCK_RATE, kHz
        {37, 256},                // GLOBAL_MEMORY_BUS_WIDTH, bits
        {38, 128 << 10},          // L2_CACHE_SIZE: small tensors already exceed it
        {39, limits().threads_per_multiprocessor},
        {40, 2},        // ASYNC_ENGINE_COUNT
        {41, 1},        // UNIFIED_ADDRESSING
        {50, 0},        // PCI_DOMAIN_ID
        {75, s.major},  // COMPUTE_CAPABILITY_MAJOR, MINOR
        {76, s.minor},
        {78, 1},  // STREAM_PRIORITIES_SUPPORTED
        {79, 1},  // GLOBAL_L1_CACHE_SUPPORTED
        {80, 1},  // LOCAL_L1_CACHE_SUPPORTED
        {81, limits().shared_per_multiprocessor},
        {82, 65536},                                      // MAX_REGISTERS_PER_MULTIPROCESSOR
        {83, 0},                                          // MANAGED_MEMORY
        {84, 0},                                          // MULTI_GPU_BOARD
        {89, 0},                                          // CONCURRENT_MANAGED_ACCESS
        {90, 1},                                          // COMPUTE_PREEMPTION_SUPPORTED
        {91, 1},                                          // CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM
        {95, 0},                                          // COOPERATIVE_LAUNCH
        {97, limits().shared_per_multiprocessor - 1024},  // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        {99, 1},                                          // HOST_REGISTER_SUPPORTED
        {106, limits().blocks_per_multiprocessor},
        {111, settings().major >= 8 ? 1024 : 0},  // RESERVED_SHARED_MEMORY_PER_BLOCK
        {115, 0},                                 // MEMORY_POOLS_SUPPORTED
    };
}

/// Does body if there is such a device.
template <class Body>
CUresult on_device(const char* name, CUdevice device, Body body) {
    return initialised(name, [&] {
        return 0 <= device && device < settings().devices
                   ? body()
                   : failure(CUDA_ERROR_INVALID_DEVICE, "%s: there is no device %d", name, device);
    });
}

CUresult uuid(const char* name, CUuuid* uuid, CUdevice device) {
    return on_device(name, device, [&] {
        *uuid = {"simulated GPU  "};
        uuid->bytes[15] = static_cast<char>(device);
        return CUDA_SUCCESS;
    });
}

}  // namespace
}  // namespace simulator

using namespace simulator;

SIMULATOR_DRIVER cuInit(unsigned int flags) {
    return always(__func__, [&] {
        if (flags != 0) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuInit: flags must be 0, were %u", flags);
        }
        if (settings().devices == 0) {
            return failure(CUDA_ERROR_NO_DEVICE, "cuInit: a test set the number of devices to 0");
        }
        set_initialised();
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDriverGetVersion(int* version) {
    return always(__func__, [&] {
        *version = settings().driver_version;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDeviceGetCount(int* count) {
    return initialised(__func__, [&] {
        *count = settings().devices;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDeviceGet(CUdevice* device, int ordinal) {
    return on_device(__func__, ordinal, [&] {
        *device = ordinal;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDeviceGetName(char* name, int bytes, CUdevice device) {
    return on_device(__func__, device, [&] {
        copy_text("Simulated GPU " + std::to_string(device), name, bytes < 0 ? 0 : bytes);
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDeviceGetUuid(CUuuid* result, CUdevice device) { return uuid(__func__, result, device); }

SIMULATOR_DRIVER cuDeviceGetUuid_v2(CUuuid* result, CUdevice device) { return uuid(__func__, result, device); }

SIMULATOR_DRIVER cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
    return on_device(__func__, device, [&] {
        *bytes = settings().memory;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
    return on_device(__func__, device, [&] {
        auto known = attributes(device);
        auto found = known.find(attribute);
        if (found == known.end()) {
            return failure(CUDA_ERROR_INVALID_VALUE, "cuDeviceGetAttribute: attribute %d is not simulated", attribute);
        }
        *value = found->second;
        return CUDA_SUCCESS;
    });
}

SIMULATOR_DRIVER cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
    return on_device(__func__, device, [&] {
        *major = settings().major;
        *minor = settings().minor;
        return CUDA_SUCCESS;
    });
}

namespace {

struct Result {
    CUresult code;
    const char* name;
    const char* text;
};
#define SIMULATOR_RESULT_OF(name, value, text) {value, #name, text},
constexpr Result kResults[] = {SIMULATOR_RESULTS(SIMULATOR_RESULT_OF)};

CUresult describe(CUresult code, const char** text, const char* Result::*member) {
    for (const Result& result : kResults) {
        if (result.code == code) {
            *text = result.*member;
            return CUDA_SUCCESS;
        }
    }
    *text = nullptr;
    return CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

SIMULATOR_DRIVER cuGetErrorName(CUresult code, const char** name) {
    return always(__func__, [&] { return describe(code, name, &Result::name); });
}

SIMULATOR_DRIVER cuGetErrorString(CUresult code, const char** text) {
    return always(__func__, [&] { return describe(code, text, &Result::text); });
}
