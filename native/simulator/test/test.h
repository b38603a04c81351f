// Checks without a framework: a failed one prints itself and ends the program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "../simulator.h"
#include "../src/driver.h"
#include "plan.h"

#define CHECK(condition, ...)                                                            \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: %s is false ", __FILE__, __LINE__, #condition); \
            std::fprintf(stderr, " " __VA_ARGS__);                                       \
            std::fprintf(stderr, "\nlast failure: %s\n", last_failure().c_str());        \
            std::exit(1);                                                                \
        }                                                                                \
    } while (0)

/// Checks the result of a driver function.
#define RETURNS(code, call) CHECK((call) == (code), "%s", #call)
#define OK(call) RETURNS(CUDA_SUCCESS, call)

inline std::string last_failure() {
    char text[1024];
    simulator_last_failure(text, sizeof text);
    return text;
}

/// Whether simulator_last_failure says so.
inline bool says(const char* words) { return last_failure().find(words) != std::string::npos; }

SIMULATOR_DRIVER cuInit(unsigned int);
SIMULATOR_DRIVER cuDeviceGetCount(int*);
SIMULATOR_DRIVER cuDevicePrimaryCtxRetain(CUcontext*, CUdevice);
SIMULATOR_DRIVER cuDevicePrimaryCtxRelease_v2(CUdevice);
SIMULATOR_DRIVER cuDevicePrimaryCtxGetState(CUdevice, unsigned int*, int*);
SIMULATOR_DRIVER cuCtxPushCurrent_v2(CUcontext);
SIMULATOR_DRIVER cuCtxPopCurrent_v2(CUcontext*);
SIMULATOR_DRIVER cuCtxSetCurrent(CUcontext);
SIMULATOR_DRIVER cuCtxSynchronize();
SIMULATOR_DRIVER cuModuleLoadData(CUmodule*, const void*);
SIMULATOR_DRIVER cuModuleUnload(CUmodule);
SIMULATOR_DRIVER cuModuleGetFunction(CUfunction*, CUmodule, const char*);
SIMULATOR_DRIVER cuOccupancyMaxActiveBlocksPerMultiprocessor(int*, CUfunction, int, size_t);
SIMULATOR_DRIVER cuLaunchKernel(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,
                                unsigned int, unsigned int, CUstream, void**, void**);
SIMULATOR_DRIVER cuMemAlloc_v2(CUdeviceptr*, size_t);
SIMULATOR_DRIVER cuMemFree_v2(CUdeviceptr);
SIMULATOR_DRIVER cuMemAllocHost_v2(void**, size_t);
SIMULATOR_DRIVER cuMemFreeHost(void*);
SIMULATOR_DRIVER cuMemcpyHtoD_v2(CUdeviceptr, const void*, size_t);
SIMULATOR_DRIVER cuMemcpyDtoH_v2(void*, CUdeviceptr, size_t);
SIMULATOR_DRIVER cuMemcpyHtoDAsync_v2(CUdeviceptr, const void*, size_t, CUstream);
SIMULATOR_DRIVER cuMemcpyDtoHAsync_v2(void*, CUdeviceptr, size_t, CUstream);
SIMULATOR_DRIVER cuMemsetD32Async(CUdeviceptr, unsigned int, size_t, CUstream);
SIMULATOR_DRIVER cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t);
SIMULATOR_DRIVER cuPointerGetAttribute(void*, int, CUdeviceptr);
SIMULATOR_DRIVER cuStreamCreate(CUstream*, unsigned int);
SIMULATOR_DRIVER cuStreamDestroy_v2(CUstream);
SIMULATOR_DRIVER cuStreamSynchronize(CUstream);
SIMULATOR_DRIVER cuStreamQuery(CUstream);
SIMULATOR_DRIVER cuStreamWaitEvent(CUstream, CUevent, unsigned int);
SIMULATOR_DRIVER cuEventCreate(CUevent*, unsigned int);
SIMULATOR_DRIVER cuEventRecord(CUevent, CUstream);
SIMULATOR_DRIVER cuEventQuery(CUevent);
SIMULATOR_DRIVER cuEventSynchronize(CUevent);
SIMULATOR_DRIVER cuEventDestroy_v2(CUevent);
SIMULATOR_DRIVER cuEventElapsedTime(float*, CUevent, CUevent);
SIMULATOR_DRIVER cuEventRecordWithFlags(CUevent, CUstream, unsigned int);
SIMULATOR_DRIVER cuStreamBeginCapture_v2(CUstream, int);
SIMULATOR_DRIVER cuStreamEndCapture(CUstream, CUgraph*);
SIMULATOR_DRIVER cuStreamIsCapturing(CUstream, int*);
SIMULATOR_DRIVER cuStreamGetCaptureInfo_v2(CUstream, int*, unsigned long long*, CUgraph*, const CUgraphNode**, size_t*);
SIMULATOR_DRIVER cuThreadExchangeStreamCaptureMode(int*);
SIMULATOR_DRIVER cuGraphGetNodes(CUgraph, CUgraphNode*, size_t*);
SIMULATOR_DRIVER cuGraphInstantiateWithFlags(CUgraphExec*, CUgraph, unsigned long long);
SIMULATOR_DRIVER cuGraphUpload(CUgraphExec, CUstream);
SIMULATOR_DRIVER cuGraphLaunch(CUgraphExec, CUstream);
SIMULATOR_DRIVER cuGraphExecDestroy(CUgraphExec);
SIMULATOR_DRIVER cuGraphDestroy(CUgraph);

/// A reset driver whose primary context is current, until the end of the scope.
class Driver {
public:
    Driver() {
        simulator_reset();
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        OK(cuCtxSetCurrent(context));
    }

    ~Driver() { simulator_reset(); }

    CUcontext context;
};

/// A step that updates and does nothing else.
inline WsControl neutral() {
    WsControl control = {};
    control.verdict.multiplier = 1.0;
    control.verdict.largest = __builtin_inf();
    return control;
}

inline CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr address;
    OK(cuMemAlloc_v2(&address, bytes));
    return address;
}

template <class T>
CUdeviceptr upload(const std::vector<T>& values) {
    CUdeviceptr address = allocate(values.size() * sizeof(T));
    OK(cuMemcpyHtoD_v2(address, values.data(), values.size() * sizeof(T)));
    return address;
}

template <class T>
std::vector<T> download(CUdeviceptr address, size_t count) {
    std::vector<T> values(count);
    OK(cuMemcpyDtoH_v2(values.data(), address, count * sizeof(T)));
    return values;
}

inline CUstream new_stream(unsigned int flags) {
    CUstream stream;
    OK(cuStreamCreate(&stream, flags));
    return stream;
}

inline unsigned int* pinned_word(unsigned int value) {
    void* memory;
    OK(cuMemAllocHost_v2(&memory, 4));
    *static_cast<unsigned int*>(memory) = value;
    return static_cast<unsigned int*>(memory);
}

inline CUmodule load_module() {
    std::vector<unsigned char> image(simulator_image(nullptr, 0));
    simulator_image(image.data(), image.size());
    CUmodule module;
    OK(cuModuleLoadData(&module, image.data()));
    return module;
}

inline CUfunction kernel(const char* name) {
    CUfunction function;
    OK(cuModuleGetFunction(&function, load_module(), name));
    return function;
}

void test_parity();
void test_blocks();
void test_memory();
void test_streams();
void test_graphs();
void test_driver();
