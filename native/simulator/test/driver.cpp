// Contexts, modules, faults on request, errors that stay.
#include "plan.h"
#include "test.h"

namespace {

CUresult launch_with(WsLaunch launch, unsigned int threads = 256) {
    CUfunction function = kernel("adam_f32");
    void* parameters[] = {&launch};
    return cuLaunchKernel(function, 2, 1, 1, threads, 1, 1, 0, nullptr, parameters, nullptr);
}

void nothing_works_without_cuInit_and_a_context() {
    simulator_reset();
    int count;
    CUdeviceptr memory;
    RETURNS(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
    simulator_set_devices(0);
    RETURNS(CUDA_ERROR_NO_DEVICE, cuInit(0));
    simulator_set_devices(3);
    OK(cuInit(0));
    OK(cuDeviceGetCount(&count));
    CHECK(count == 3);
    RETURNS(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&memory, 4));
}

void primary_contexts_are_counted() {
    Driver driver;
    CUcontext again;
    OK(cuDevicePrimaryCtxRetain(&again, 0));
    CHECK(again == driver.context && simulator_retained_contexts() == 2);
    allocate(4);
    OK(cuDevicePrimaryCtxRelease_v2(0));
    CHECK(simulator_live_allocations() == 1);
    OK(cuDevicePrimaryCtxRelease_v2(0));
    CHECK(simulator_live_allocations() == 0 && simulator_retained_contexts() == 0);
    RETURNS(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
    CUdeviceptr memory;
    RETURNS(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuMemAlloc_v2(&memory, 4));
    OK(cuCtxPopCurrent_v2(&again));
    RETURNS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent_v2(&again));
    RETURNS(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent_v2(driver.context));
}

void calls_fail_on_request() {
    Driver driver;
    CUdeviceptr memory;
    simulator_fail_call("cuMemAlloc", 2, CUDA_ERROR_OUT_OF_MEMORY, 0);
    simulator_fail_call("cuCtxSynchronize", 1, CUDA_ERROR_ECC_UNCORRECTABLE, 1);
    OK(cuMemAlloc_v2(&memory, 4));
    RETURNS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&memory, 4));
    OK(cuMemAlloc_v2(&memory, 4));
    RETURNS(CUDA_ERROR_ECC_UNCORRECTABLE, cuCtxSynchronize());
    RETURNS(CUDA_ERROR_ECC_UNCORRECTABLE, cuCtxSynchronize());
    simulator_clear_faults();
    OK(cuCtxSynchronize());
    simulator_fail_call(nullptr, 2, CUDA_ERROR_UNKNOWN, 0);
    OK(cuCtxSynchronize());
    RETURNS(CUDA_ERROR_UNKNOWN, cuMemFree_v2(memory));
    OK(cuMemFree_v2(memory));
    CHECK(simulator_calls("cuMemAlloc") == 3 && simulator_calls("cuMemFree") == 2);
}

void a_failed_kernel_ends_the_context() {
    Driver driver;
    WsLaunch wild = {};
    wild.chunks = wild.tensors = 0x1000;
    wild.chunk_count = wild.tensor_count = 1;
    OK(launch_with(wild));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    CHECK(says("adam_f32, block (0, 0, 0), thread (0, 0, 0): read of 16 bytes: 0x1000 is in no allocation"));
    CUdeviceptr memory;
    CUstream stream;
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&memory, 4));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamCreate(&stream, 0));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    OK(cuDevicePrimaryCtxRetain(&driver.context, 0));
    OK(cuCtxSetCurrent(driver.context));
    allocate(4);
    wild.chunks = 0x1004;
    simulator_deferred(0);
    RETURNS(CUDA_ERROR_MISALIGNED_ADDRESS, launch_with(wild));
}

void launches_are_checked() {
    Driver driver;
    RETURNS(CUDA_ERROR_INVALID_VALUE, launch_with({}, 257));
    CHECK(says("its launch bound is 256"));
    RETURNS(CUDA_ERROR_INVALID_VALUE, launch_with({}, 0));
    CUfunction function = kernel("adam_f32");
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(function, 1, 1, 1, 256, 1, 1, 0, nullptr, nullptr, nullptr));
    RETURNS(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, load_module(), "adam_f16"));
    int blocks;
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, 256, 0));
    CHECK(blocks == 4 && simulator_launches() == 0);
    RETURNS(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(nullptr));
}

void images_must_fit_the_device() {
    Driver driver;
    CUmodule module;
    simulator_set_architecture(7, 0);
    std::vector<unsigned char> image(simulator_image(nullptr, 0));
    simulator_image(image.data(), image.size());
    RETURNS(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&module, image.data()));
    CHECK(says("compute_75"));
    simulator_set_architecture(12, 1);
    OK(cuModuleLoadData(&module, image.data()));
    RETURNS(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, "no image, just some text"));
    const char* new_ptx = ".version 9.0\n.target sm_75\n.visible .entry adam_f32() { ret; }";
    OK(cuModuleLoadData(&module, new_ptx));
    simulator_set_driver_version(12090);
    RETURNS(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, cuModuleLoadData(&module, new_ptx));
    CUfunction function;
    OK(cuModuleGetFunction(&function, module, "adam_f32"));
    RETURNS(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&function, module, "sgd_f32"));
}

}  // namespace

void test_driver() {
    nothing_works_without_cuInit_and_a_context();
    primary_contexts_are_counted();
    calls_fail_on_request();
    a_failed_kernel_ends_the_context();
    launches_are_checked();
    images_must_fit_the_device();
}
