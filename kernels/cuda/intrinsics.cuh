// Everything the kernels ask of the machine beyond C++: memory accesses with their caching, and read-modify-writes.
// Written with CUDA's own names; for another compiler, the software driver's header gives those names a meaning.
#pragma once

#ifndef __CUDACC__
#include "simulator/device.h"
#endif

#include <cstdint>
#include <cstring>

#include "cuda/tuning.h"

#define WS_DEVICE __device__ __forceinline__

namespace warpstep {

/// Index of the thread in its block, asked for anew each time, which is cheaper than a register that lives through a
/// tile.
WS_DEVICE unsigned int thread() {
#ifdef __CUDACC__
    unsigned int index;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(index));
    return index;
#else
    return threadIdx.x;
#endif
}

/// Makes the compiler read shared memory again instead of keeping its values in registers. Costs no instruction itself.
WS_DEVICE void forget_memory() { asm volatile("" ::: "memory"); }

// NOTE [caching]
// State and gradient are touched once a step: they stream (evict first), so as not to push out the parameters, which
// the next forward pass reads. Streaming is not bypassing: a model that fits into the second-level cache may stay
// there. The tables are read-only during a launch and go through the read-only path; the counters are not, and are read
// where they are changed, in the second-level cache.

/// How long an array is worth its place in the caches.
enum class Caching { kKept, kStreamed };

/// Reads one element, or a vector of any of CUDA's types, which needs an address divisible by its size.
template <Caching caching, class Access>
WS_DEVICE Access load(const Access* from) {
    return caching == Caching::kStreamed ? __ldcs(from) : __ldca(from);
}

template <Caching caching, class Access>
WS_DEVICE void store(Access* to, Access value) {
    caching == Caching::kStreamed ? __stcs(to, value) : __stwb(to, value);
}

/// Reads Width consecutive elements in one access, which for 4 needs an address divisible by 16.
template <Caching caching, int Width>
WS_DEVICE void load(const float* from, float (&to)[Width]) {
    if constexpr (Width == kVectorElements) {
        float4 vector = load<caching>(reinterpret_cast<const float4*>(from));
        to[0] = vector.x;
        to[1] = vector.y;
        to[2] = vector.z;
        to[3] = vector.w;
    } else {
        static_assert(Width == 1, "vectors or single elements");
        to[0] = load<caching>(from);
    }
}

/// Writes Width consecutive elements in one access, which for 4 needs an address divisible by 16.
template <Caching caching, int Width>
WS_DEVICE void store(float* to, const float (&from)[Width]) {
    if constexpr (Width == kVectorElements) {
        store<caching>(reinterpret_cast<float4*>(to), float4{from[0], from[1], from[2], from[3]});
    } else {
        static_assert(Width == 1, "vectors or single elements");
        store<caching>(to, from[0]);
    }
}

/// Reads as much of a line of a table as `Head` covers, 16 bytes at a time; lines are 16-byte aligned.
template <class Line, class Head = Line>
WS_DEVICE Head load_line(uint64_t table, uint64_t index) {
    static_assert(sizeof(Line) % sizeof(uint4) == 0, "lines are read 16 bytes at a time");
    constexpr int pieces = (sizeof(Head) + sizeof(uint4) - 1) / sizeof(uint4);
    const uint4* address = reinterpret_cast<const uint4*>(table) + index * (sizeof(Line) / sizeof(uint4));
    union {
        uint4 words[pieces];
        Head head;
    } line;
#pragma unroll
    for (int i = 0; i < pieces; i++) {
        line.words[i] = __ldg(address + i);
    }
    return line.head;
}

/// What a launch brought beyond the shared memory of the kernel itself: `Count` doubles.
template <int Count>
WS_DEVICE double* dynamic_shared_memory() {
#ifdef __CUDACC__
    extern __shared__ double memory[];
    return memory;
#else
    return static_cast<double*>(simulator::dynamic_shared_memory(Count * sizeof(double)));
#endif
}

/// Reads one word of a table.
WS_DEVICE uint32_t load_word(const uint32_t* address) { return __ldg(address); }

WS_DEVICE uint64_t load_word(const uint64_t* address) {
    return __ldcg(reinterpret_cast<const unsigned long long*>(address));
}

WS_DEVICE int64_t load_counter(uint64_t counters, uint32_t index) {
    return __ldcg(reinterpret_cast<const long long*>(counters) + index);
}

/// Nobody waits for the old value, so that the memory system does the addition.
WS_DEVICE void increment_counter(uint64_t counters, uint32_t index) {
    atomicAdd(reinterpret_cast<unsigned long long*>(counters) + index, 1ULL);
}

/// Whether the calling block is the last of the grid to arrive here, and resets the ticket if so. What the first thread
/// of every block read before, no thread of the last block can overwrite too early. All threads of the block must call.
WS_DEVICE bool last_block_to_arrive(uint64_t ticket) {
    __shared__ bool last;
    if (thread() == 0) {
        unsigned int* arrived = reinterpret_cast<unsigned int*>(ticket);
        __threadfence();
        last = atomicAdd(arrived, 1U) == gridDim.x - 1;
        __threadfence();
        if (last) {
            __stcg(arrived, 0U);
        }
    }
    __syncthreads();
    return last;
}

}  // namespace warpstep
