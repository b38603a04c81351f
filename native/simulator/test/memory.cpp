#include <csetjmp>
#include <csignal>

#include "test.h"

namespace {

void fresh_memory_is_nan_and_aligned_to_256_bytes_only() {
    Driver driver;
    CUdeviceptr memory = allocate(1000);
    CHECK(memory % 512 == 256);
    for (uint32_t word : download<uint32_t>(memory, 250)) {
        CHECK(word == ~0U);
    }
    CUdeviceptr next = allocate(1000);
    OK(cuMemFree_v2(memory));
    CHECK(allocate(1000) != memory && next != memory);
}

void what_was_not_allocated_cannot_be_freed_or_copied() {
    Driver driver;
    CUdeviceptr memory = allocate(100);
    char host[200];
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory + 4));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host, memory, 101));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(memory + 1, host, 100));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(memory + 200, 0, 1));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(memory, reinterpret_cast<void*>(memory), 100));
    OK(cuMemFree_v2(memory));
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory));
    CHECK(says("freed allocation"));
    OK(cuMemFree_v2(0));
    CHECK(simulator_live_allocations() == 0 && simulator_live_bytes() == 0 && simulator_allocations() == 1);
}

void memory_runs_out() {
    Driver driver;
    simulator_set_memory(1 << 20);
    CUdeviceptr first = allocate(1 << 19), none;
    RETURNS(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&none, (1 << 19) + 1));
    OK(cuMemFree_v2(first));
    allocate(1 << 20);
}

void only_driver_memory_has_attributes() {
    Driver driver;
    unsigned int type;
    int on_the_stack;
    RETURNS(CUDA_ERROR_INVALID_VALUE,
            cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<uintptr_t>(&on_the_stack)));
    CUdeviceptr memory = allocate(100), begin;
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory + 99));
    CHECK(type == CU_MEMORYTYPE_DEVICE);
    OK(cuPointerGetAttribute(&begin, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, memory + 99));
    CHECK(begin == memory);
    RETURNS(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory + 100));
}

sigjmp_buf after_fault;

void the_host_cannot_read_device_memory() {
    Driver driver;
    auto* memory = reinterpret_cast<volatile char*>(upload(std::vector<char>{1}));
    auto previous = std::signal(SIGSEGV, [](int) { siglongjmp(after_fault, 1); });
    volatile bool read = false;
    if (sigsetjmp(after_fault, 1) == 0) {
        static_cast<void>(*memory);
        read = true;
    }
    std::signal(SIGSEGV, previous);
    CHECK(!read);
}

void many_allocations_fit() {
    Driver driver;
    for (int i = 0; i < 100000; i++) {
        allocate(16);
    }
    CHECK(simulator_live_allocations() == 100000);
}

}  // namespace

void test_memory() {
    fresh_memory_is_nan_and_aligned_to_256_bytes_only();
    what_was_not_allocated_cannot_be_freed_or_copied();
    memory_runs_out();
    only_driver_memory_has_attributes();
    the_host_cannot_read_device_memory();
    many_allocations_fit();
}
