// What of CUDA's driver API the simulator speaks: types, results and the numbers of attributes. Written down here so that it
// builds without a CUDA toolkit.
#pragma once

#include <cstddef>
#include <cstdint>

using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphNode = struct CUgraphNode_st*;
using CUgraphExec = struct CUgraphExec_st*;
struct CUuuid {
    char bytes[16];
};

// clang-format off
#define SIMULATOR_RESULTS(RESULT)                                                                    \
    RESULT(CUDA_SUCCESS, 0, "no error")                                                              \
    RESULT(CUDA_ERROR_INVALID_VALUE, 1, "invalid argument")                                          \
    RESULT(CUDA_ERROR_OUT_OF_MEMORY, 2, "out of memory")                                             \
    RESULT(CUDA_ERROR_NOT_INITIALIZED, 3, "initialization error")                                    \
    RESULT(CUDA_ERROR_DEINITIALIZED, 4, "driver shutting down")                                      \
    RESULT(CUDA_ERROR_STUB_LIBRARY, 34, "CUDA driver is a stub library")                             \
    RESULT(CUDA_ERROR_DEVICE_UNAVAILABLE, 46, "CUDA-capable device(s) is/are busy or unavailable")   \
    RESULT(CUDA_ERROR_NO_DEVICE, 100, "no CUDA-capable device is detected")                          \
    RESULT(CUDA_ERROR_INVALID_DEVICE, 101, "invalid device ordinal")                                 \
    RESULT(CUDA_ERROR_INVALID_IMAGE, 200, "device kernel image is invalid")                          \
    RESULT(CUDA_ERROR_INVALID_CONTEXT, 201, "invalid device context")                                \
    RESULT(CUDA_ERROR_NO_BINARY_FOR_GPU, 209, "no kernel image is available for execution on the device") \
    RESULT(CUDA_ERROR_ECC_UNCORRECTABLE, 214, "uncorrectable ECC error encountered")                 \
    RESULT(CUDA_ERROR_INVALID_PTX, 218, "a PTX JIT compilation failed")                              \
    RESULT(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, 221, "PTX JIT compiler library not found")             \
    RESULT(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222, "the provided PTX was compiled with an unsupported toolchain.") \
    RESULT(CUDA_ERROR_OPERATING_SYSTEM, 304, "OS call failed or operation not supported on this OS") \
    RESULT(CUDA_ERROR_INVALID_HANDLE, 400, "invalid resource handle")                                \
    RESULT(CUDA_ERROR_ILLEGAL_STATE, 401, "the operation cannot be performed in the present state")  \
    RESULT(CUDA_ERROR_NOT_FOUND, 500, "named symbol not found")                                      \
    RESULT(CUDA_ERROR_NOT_READY, 600, "device not ready")                                            \
    RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, 700, "an illegal memory access was encountered")              \
    RESULT(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, 701, "too many resources requested for launch")       \
    RESULT(CUDA_ERROR_LAUNCH_TIMEOUT, 702, "the launch timed out and was terminated")                \
    RESULT(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, 708, "cannot set while device is active in this process") \
    RESULT(CUDA_ERROR_CONTEXT_IS_DESTROYED, 709, "context is destroyed")                             \
    RESULT(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, 712, "part or all of the requested memory range is already mapped") \
    RESULT(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, 713, "pointer does not correspond to a registered memory region") \
    RESULT(CUDA_ERROR_ILLEGAL_INSTRUCTION, 715, "an illegal instruction was encountered")            \
    RESULT(CUDA_ERROR_MISALIGNED_ADDRESS, 716, "misaligned address")                                 \
    RESULT(CUDA_ERROR_LAUNCH_FAILED, 719, "unspecified launch failure")                              \
    RESULT(CUDA_ERROR_NOT_PERMITTED, 800, "operation not permitted")                                 \
    RESULT(CUDA_ERROR_NOT_SUPPORTED, 801, "operation not supported")                                 \
    RESULT(CUDA_ERROR_SYSTEM_NOT_READY, 802, "system not yet initialized")                           \
    RESULT(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803, "system has unsupported display driver / cuda driver combination") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900, "operation not permitted when stream is capturing") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, 901, "operation failed due to a previous error during capture") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_MERGE, 902, "operation would result in a merge of separate capture sequences") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, 903, "capture was not ended in the same stream as it began") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, 904, "capturing stream has unjoined work")            \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, 905, "dependency created on uncaptured work in another stream") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, 906, "operation would make the legacy stream depend on a capturing blocking stream") \
    RESULT(CUDA_ERROR_CAPTURED_EVENT, 907, "operation not permitted on an event last recorded in a capturing stream") \
    RESULT(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, 908, "attempt to terminate a thread-local capture sequence from another thread") \
    RESULT(CUDA_ERROR_UNKNOWN, 999, "unknown error")
// clang-format on

/// An int and not an enum, since tests may ask for any number.
using CUresult = int;
#define SIMULATOR_RESULT_OF(name, value, text) constexpr CUresult name = value;
SIMULATOR_RESULTS(SIMULATOR_RESULT_OF)
#undef SIMULATOR_RESULT_OF

#define SIMULATOR_DRIVER extern "C" __attribute__((visibility("default"))) CUresult

enum {
    CU_STREAM_NON_BLOCKING = 1,
    CU_EVENT_BLOCKING_SYNC = 1,
    CU_EVENT_DISABLE_TIMING = 2,
    CU_EVENT_INTERPROCESS = 4,
    CU_EVENT_RECORD_EXTERNAL = 1,
    CU_EVENT_WAIT_EXTERNAL = 1,
    CU_MEMORYTYPE_HOST = 1,
    CU_MEMORYTYPE_DEVICE = 2,
};

enum {
    CU_STREAM_CAPTURE_MODE_GLOBAL = 0,
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
    CU_STREAM_CAPTURE_MODE_RELAXED = 2,
};

enum {
    CU_STREAM_CAPTURE_STATUS_NONE = 0,
    CU_STREAM_CAPTURE_STATUS_ACTIVE = 1,
    CU_STREAM_CAPTURE_STATUS_INVALIDATED = 2,
};

enum {
    CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH = 1,
    CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH = 4,
    CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY = 8,
};

enum {
    CU_POINTER_ATTRIBUTE_CONTEXT = 1,
    CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2,
    CU_POINTER_ATTRIBUTE_DEVICE_POINTER = 3,
    CU_POINTER_ATTRIBUTE_HOST_POINTER = 4,
    CU_POINTER_ATTRIBUTE_BUFFER_ID = 7,
    CU_POINTER_ATTRIBUTE_IS_MANAGED = 8,
    CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9,
    CU_POINTER_ATTRIBUTE_RANGE_START_ADDR = 11,
    CU_POINTER_ATTRIBUTE_RANGE_SIZE = 12,
    CU_POINTER_ATTRIBUTE_MAPPED = 13,
};

enum {
    CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 0,
    CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1,
    CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES = 2,
    CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES = 3,
    CU_FUNC_ATTRIBUTE_NUM_REGS = 4,
    CU_FUNC_ATTRIBUTE_PTX_VERSION = 5,
    CU_FUNC_ATTRIBUTE_BINARY_VERSION = 6,
    CU_FUNC_ATTRIBUTE_CACHE_MODE_CA = 7,
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
    CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT = 9,
};
