// Threads, barriers, warps and accesses, by kernels made for it.
#include <cstring>

#include "../src/grid.h"
#include "test.h"

namespace {

using simulator::Grid;
using simulator::Kernel;

template <class Parameter, void (*kFunction)(Parameter)>
CUresult launch(const Driver& driver, Parameter parameter, uint3 blocks, uint3 threads) {
    static const Kernel kernel = {
        "test",
        {sizeof(Parameter)},
        [](const void* const* arguments) { kFunction(*static_cast<const Parameter*>(arguments[0])); },
        1024,
        32};
    Grid grid = {&kernel, blocks, threads, driver.context, 0, {{}}};
    grid.arguments[0].resize(4);
    std::memcpy(grid.arguments[0].data(), &parameter, sizeof parameter);
    return simulator::run_grid(grid);
}

__global__ void write_places(unsigned int* out) {
    unsigned int number = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned int block = blockIdx.y * gridDim.x + blockIdx.x;
    __stcg(out + block * blockDim.x * blockDim.y * blockDim.z + number, number + 1000 * block);
}

void every_thread_knows_its_place() {
    Driver driver;
    CUdeviceptr out = allocate(6 * 30 * 4);
    OK((launch<unsigned int*, write_places>(driver, reinterpret_cast<unsigned int*>(out), {3, 2, 1}, {5, 3, 2})));
    auto values = download<unsigned int>(out, 6 * 30);
    for (unsigned int i = 0; i < values.size(); i++) {
        CHECK(values[i] == i % 30 + 1000 * (i / 30));
    }
}

__global__ void sum_by_warps(double* out) {
    __shared__ double sums[8];
    double value = threadIdx.x + 1;
    for (int delta = 16; delta > 0; delta /= 2) {
        value += __shfl_xor_sync(~0U, value, delta);
    }
    if (threadIdx.x % 32 == 0) {
        sums[threadIdx.x / 32] = value;
    }
    __syncthreads();
    double total = threadIdx.x < 8 ? sums[threadIdx.x] : 0;
    if (threadIdx.x < 32) {
        for (int delta = 4; delta > 0; delta /= 2) {
            total += __shfl_down_sync(~0U, total, delta);
        }
    }
    if (threadIdx.x == 0) {
        atomicAdd(out, total);
    }
    unsigned int odd = __ballot_sync(~0U, threadIdx.x & 1);
    if (odd != 0xaaaaaaaaU || __syncthreads_count(threadIdx.x < 10) != 10 ||
        __shfl_sync(~0U, threadIdx.x, 3) % 32 != 3) {
        __trap();
    }
}

void warps_exchange_values() {
    Driver driver;
    for (int order : {SIMULATOR_ASCENDING, SIMULATOR_DESCENDING, SIMULATOR_RANDOM, SIMULATOR_PARALLEL}) {
        simulator_block_order(order, 3);
        CUdeviceptr out = upload(std::vector<double>{0});
        OK((launch<double*, sum_by_warps>(driver, reinterpret_cast<double*>(out), {10, 1, 1}, {256, 1, 1})));
        CHECK(download<double>(out, 1)[0] == 10 * 256 * 257 / 2);
    }
}

__global__ void leave_early(int) {
    if (threadIdx.x == 7) {
        return;
    }
    __syncthreads();
}

__global__ void wait_elsewhere(int) {
    if (threadIdx.x < 100) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}

__global__ void shuffle_without_all(int) {
    if (threadIdx.x != 5) {
        __shfl_sync(~0U, 1, 0);
    }
}

void divergent_barriers_are_reported() {
    Driver driver;
    RETURNS(CUDA_ERROR_LAUNCH_FAILED, (launch<int, leave_early>(driver, 0, {1, 1, 1}, {64, 1, 1})));
    CHECK(says("1 exited (the first is 7)") && says("63 at the barrier in blocks.cpp"));
    RETURNS(CUDA_ERROR_LAUNCH_FAILED, (launch<int, wait_elsewhere>(driver, 0, {1, 1, 1}, {128, 1, 1})));
    CHECK(says("100 at the barrier") && says("28 at the barrier"));
    RETURNS(CUDA_ERROR_LAUNCH_FAILED, (launch<int, shuffle_without_all>(driver, 0, {1, 1, 1}, {32, 1, 1})));
    CHECK(says("31 at the warp collective"));
}

__global__ void read_unwritten_shared(unsigned int* out) {
    __shared__ unsigned int value;
    if (threadIdx.x == 0) {
        __stcg(out + blockIdx.x, value);
        value = 5;  // must not be seen by the next block
    }
}

void shared_memory_begins_as_nan() {
    Driver driver;
    CUdeviceptr out = allocate(4 * 4);
    OK((launch<unsigned int*, read_unwritten_shared>(
        driver, reinterpret_cast<unsigned int*>(out), {4, 1, 1}, {32, 1, 1})));
    for (unsigned int value : download<unsigned int>(out, 4)) {
        CHECK(value == ~0U);
    }
}

__global__ void forget_a_barrier(unsigned int* out) {
    __shared__ unsigned int values[64];
    values[threadIdx.x] = threadIdx.x;
    __stcg(out + threadIdx.x, values[63 - threadIdx.x]);
}

void a_forgotten_barrier_shows_in_some_order() {
    Driver driver;
    CUdeviceptr out = allocate(64 * 4);
    OK((launch<unsigned int*, forget_a_barrier>(driver, reinterpret_cast<unsigned int*>(out), {1, 1, 1}, {64, 1, 1})));
    CHECK(download<unsigned int>(out, 1)[0] == ~0U);
}

__global__ void read_vector(uint64_t address) {
    if (threadIdx.x == 3 && blockIdx.x == 1) {
        __ldcs(reinterpret_cast<const float4*>(address));
    }
}

void wrong_addresses_are_reported() {
    Driver driver;
    CUdeviceptr memory = allocate(100);
    auto read = [&](uint64_t address) { return launch<uint64_t, read_vector>(driver, address, {2, 1, 1}, {32, 1, 1}); };
    OK(read(memory + 80));
    RETURNS(CUDA_ERROR_MISALIGNED_ADDRESS, read(memory + 4));
    CHECK(says("block (1, 0, 0), thread (3, 0, 0): read of 16 bytes") && says("not a multiple of 16"));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, read(memory + 96));
    CHECK(says("is byte 96 of a live allocation of 100 bytes"));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, read(memory + 128));
    CHECK(says("past the end"));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, read(0));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, read(UINT64_MAX - 15));
    float host[4] __attribute__((aligned(16))) = {};
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, read(reinterpret_cast<uint64_t>(host)));
    void* pinned;
    OK(cuMemAllocHost_v2(&pinned, 64));
    OK(read(reinterpret_cast<uint64_t>(pinned)));
    OK(cuMemFree_v2(memory));
    RETURNS(CUDA_ERROR_ILLEGAL_ADDRESS, read(memory));
    CHECK(says("is byte 0 of a freed allocation of 100 bytes"));
}

__global__ void draw_tickets(unsigned int* ticket) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        last = atomicAdd(ticket, 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 31) {
        atomicExch(ticket + 1, blockIdx.x + 1);
    }
}

void one_block_is_the_last_even_in_parallel() {
    Driver driver;
    for (int seed = 0; seed < 20; seed++) {
        simulator_block_order(SIMULATOR_PARALLEL, seed);
        CUdeviceptr ticket = upload(std::vector<unsigned int>{0, 0});
        OK((launch<unsigned int*, draw_tickets>(
            driver, reinterpret_cast<unsigned int*>(ticket), {500, 1, 1}, {32, 1, 1})));
        CHECK(download<unsigned int>(ticket, 2)[0] == 500 && download<unsigned int>(ticket, 2)[1] > 0);
    }
}

}  // namespace

void test_blocks() {
    every_thread_knows_its_place();
    warps_exchange_values();
    divergent_barriers_are_reported();
    shared_memory_begins_as_nan();
    a_forgotten_barrier_shows_in_some_order();
    wrong_addresses_are_reported();
    one_block_is_the_last_even_in_parallel();
}
